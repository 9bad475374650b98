"""When a delivery is tried again."""

from datetime import timedelta

import pytest

from parley_webhooks.schedule import DELAYS, JITTER, pause_after


@pytest.mark.parametrize("attempts", range(1, len(DELAYS) + 1))
def test_pause_stays_within_the_jitter_of_its_place_in_the_list(attempts: int) -> None:
    pause = pause_after(attempts)
    assert pause is not None
    assert DELAYS[attempts - 1] <= pause <= DELAYS[attempts - 1] * (1 + JITTER)


def test_pauses_of_two_deliveries_differ() -> None:
    assert len({pause_after(len(DELAYS)) for _ in range(5)}) > 1


def test_pauses_never_shrink() -> None:
    assert list(DELAYS) == sorted(DELAYS)


def test_schedule_covers_three_days() -> None:
    assert sum(DELAYS, timedelta()) >= timedelta(days=3)


def test_nothing_follows_the_last_pause() -> None:
    assert pause_after(len(DELAYS) + 1) is None
    assert pause_after(len(DELAYS) + 1, retry_after=timedelta(seconds=1)) is None


def test_endpoint_may_ask_for_more_time() -> None:
    assert pause_after(1, retry_after=timedelta(minutes=7)) == timedelta(minutes=7)


def test_endpoint_may_not_ask_for_less_time() -> None:
    pause = pause_after(6, retry_after=timedelta(seconds=1))
    assert pause is not None
    assert pause >= DELAYS[5]


def test_endpoint_may_not_ask_for_a_year() -> None:
    assert pause_after(1, retry_after=timedelta(days=365)) == timedelta(hours=24)
