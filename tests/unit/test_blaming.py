"""A run of faults believes no report that blames a death of which nobody died."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults.blaming import blamed_in_vain
from tests.faults.schedule import NO_CALL, Done, Fault

ENDED = datetime(2026, 1, 1, 12, tzinfo=UTC)
AGENT_KILLED = Fault("kill", ("agent",), 0)
ONE_JOB_KILLED = Fault("kill agent job", ("agent",), 0)


def blamed(reason: str, *faults: Done) -> list[str]:
    calls: list[dict[str, Any]] = [{"_id": "call_1", "ended_at": ENDED.replace(tzinfo=None)}]
    return blamed_in_vain(calls, {"call_1": {"call_end_reason": reason}}, faults)


def done(fault: Fault, seconds_before: float, call_id: str | None = None) -> Done:
    at = ENDED - timedelta(seconds=seconds_before)
    return Done(fault, at, at, call_id)


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("agent_lost", done(AGENT_KILLED, 30)),
        ("agent_lost", done(ONE_JOB_KILLED, 30, "call_1")),
        ("room_lost", done(Fault("kill", ("api", "livekit"), 0), 5)),
        ("callee_hangup", done(Fault("hang", ("rabbitmq",), 8), 5)),
    ],
)
def test_reason_is_believed_when_what_it_blames_was_killed_shortly_before(reason: str, fault: Done) -> None:
    assert blamed(reason, fault) == []


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("agent_lost", done(Fault("hang", ("rabbitmq",), 8), 5)),
        ("agent_lost", done(AGENT_KILLED, 90)),
        ("agent_lost", done(AGENT_KILLED, -1)),
        ("agent_lost", done(ONE_JOB_KILLED, 30, "call_2")),
        ("agent_lost", done(ONE_JOB_KILLED, 30, NO_CALL)),
        ("room_lost", done(AGENT_KILLED, 5)),
        ("carrier_error", done(Fault("kill", ("livekit",), 0), 5)),
        ("internal_error", done(AGENT_KILLED, 5)),
    ],
)
def test_reason_is_not_believed_when_nothing_of_the_kind_was_killed(reason: str, fault: Done) -> None:
    (finding,) = blamed(reason, fault)
    assert "call_1" in finding
    assert reason in finding
