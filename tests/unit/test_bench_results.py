"""How benchmarks judge what they measured."""

from bench.results import of_rates, of_times, percentiles


def test_one_disturbed_round_does_not_change_the_verdict() -> None:
    result = of_rates("publishing", [700, 710, 20], [1000, 990, 1010], at_least=0.65)
    assert (result.ratio, result.met) == (0.7, True)


def test_rate_below_its_share_of_the_floor_is_printed_as_not_met() -> None:
    assert of_rates("publishing", [600], [1000], at_least=0.65).met is False


def test_rate_of_which_nothing_is_demanded_is_neither_met_nor_missed() -> None:
    result = of_rates("bridge", [300], [1000])
    assert (result.ratio, result.met) == (0.3, None)


def test_time_above_its_share_of_the_floor_is_printed_as_not_met() -> None:
    assert of_times("greeting", [1.2], [1.0], at_most=1.05).met is False


def test_time_of_which_nothing_is_demanded_is_neither_met_nor_missed() -> None:
    assert of_times("report", [0.02], [0.001]).met is None


def test_slowest_of_few_values_counts_as_the_99th_percentile() -> None:
    assert percentiles([0.01, 0.02, 0.09]) == "p50 20 ms, p99 90 ms (n=3)"
