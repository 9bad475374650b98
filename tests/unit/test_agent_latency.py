"""How the speed of a conversation is summed up."""

from datetime import timedelta
from typing import Any

import pytest

from parley_agent import latency
from parley_agent.latency import Latency
from parley_agent.providers import END_OF_TURN_SILENCE
from parley_common.clock import now


def talked(monkeypatch: pytest.MonkeyPatch, *milliseconds: int) -> dict[str, Any]:
    """Take so many turns, each answered after so long, and return the summary."""
    measuring, moment = Latency(), now()
    for reply in milliseconds:
        heard = moment + END_OF_TURN_SILENCE
        monkeypatch.setattr(latency, "now", lambda at=heard: at)
        measuring.user_stopped()
        monkeypatch.setattr(latency, "now", lambda at=moment + timedelta(milliseconds=reply): at)
        measuring.agent_speaks()
    return measuring.summary()


def test_percentiles_of_the_replies_are_replies_that_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = talked(monkeypatch, *range(10, 1010, 10))
    assert (summary["reply_p95"], summary["reply_p99"]) == (0.95, 0.99)
    assert summary["reply_p50"] == 0.505


def test_of_few_turns_the_upper_percentiles_are_the_slowest(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = talked(monkeypatch, 300, 900, 400)
    assert [summary[f"reply_p{percent}"] for percent in (50, 95, 99)] == [0.4, 0.9, 0.9]


def test_call_without_a_reply_has_no_percentiles(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = talked(monkeypatch)
    assert [summary[f"reply_p{percent}"] for percent in (50, 95, 99)] == [None, None, None]
