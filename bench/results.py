"""What a benchmark found: one line of the table each."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """Parley's figure, the floor's, and what is demanded of the two; `met` is None where nothing is."""

    claim: str
    subject: str
    floor: str = ""
    ratio: float | None = None
    demand: str = ""
    met: bool | None = None


def of_rates(claim: str, subject: Sequence[float], floor: Sequence[float], *, at_least: float | None = None) -> Result:
    """Compare rates of rounds that took turns, by their medians."""
    ours, theirs = statistics.median(subject), statistics.median(floor)
    ratio = ours / theirs
    if at_least is None:
        return Result(claim, f"{ours:.0f}/s", f"{theirs:.0f}/s", ratio)
    return Result(claim, f"{ours:.0f}/s", f"{theirs:.0f}/s", ratio, f">= {at_least}", ratio >= at_least)


def of_times(claim: str, subject: Sequence[float], floor: Sequence[float], *, at_most: float | None = None) -> Result:
    """Compare seconds by their medians."""
    ratio = statistics.median(subject) / statistics.median(floor)
    if at_most is None:
        return Result(claim, percentiles(subject), percentiles(floor), ratio)
    return Result(claim, percentiles(subject), percentiles(floor), ratio, f"<= {at_most}", ratio <= at_most)


def p99(seconds: Sequence[float]) -> float:
    """Return the 99th percentile, of few values the largest."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]


def percentiles(seconds: Sequence[float]) -> str:
    """Write the median and the 99th percentile."""
    middle = statistics.median(seconds)
    return f"p50 {middle * 1000:.0f} ms, p99 {p99(seconds) * 1000:.0f} ms (n={len(seconds)})"
