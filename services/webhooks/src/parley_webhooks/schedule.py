"""When a delivery that was not accepted is tried again."""

import random
from datetime import timedelta

DELAYS = (
    timedelta(seconds=2),
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pause after the first attempt, after the second, and so on; after the last the delivery has failed."""

JITTER = 0.2
"""Pauses are this much longer at most, and never shorter: all of them together are three days at least."""

LONGEST_RETRY_AFTER = timedelta(hours=24)


def pause_after(attempts: int, retry_after: timedelta | None = None) -> timedelta | None:
    """Return how long to wait after so many attempts, at least as the endpoint asked; None when it was the last."""
    if attempts > len(DELAYS):
        return None
    scheduled = DELAYS[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311  # spreads load, no secret
    return max(scheduled, min(retry_after, LONGEST_RETRY_AFTER)) if retry_after else scheduled
