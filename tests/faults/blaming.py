"""Whether a report that blames a death is borne out by what was killed."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults.schedule import SIP, Done

DEATHS: Mapping[str, frozenset[str]] = {
    "agent_lost": frozenset({"agent", "livekit"}),
    "agent_unavailable": frozenset({"agent", "livekit"}),
    "room_lost": frozenset({"livekit"}),
    "dial_outcome_unknown": frozenset({"dialer", "livekit", SIP}),
    "carrier_error": frozenset(),
    "internal_error": frozenset(),
}
"""Whose failure may end a call with each of these reasons; what stores or carries messages is not among them.

No carrier fails in these runs, so none is to be blamed.
"""

AFTERMATH = timedelta(seconds=60)
"""So long after a failure a call may still end of it."""


def blamed_in_vain(
    calls: Iterable[dict[str, Any]], told: Mapping[str, dict[str, Any]], faults: Iterable[Done]
) -> list[str]:
    """Describe the calls whose report says that somebody was lost, and nobody was near its end."""
    carried_out = list(faults)
    blaming = ((call, told[call["_id"]]["call_end_reason"]) for call in calls if call["_id"] in told)
    return [
        f"{call['_id']}: told {reason} at {_ended(call):%H:%M:%S}, and nothing of the kind had failed"
        for call, reason in blaming
        if reason in DEATHS and not any(_explains(fault, call, reason) for fault in carried_out)
    ]


def _explains(done: Done, call: dict[str, Any], reason: str) -> bool:
    near = done.began <= _ended(call) <= done.ended + AFTERMATH
    return near and done.call_id in (None, call["_id"]) and bool(DEATHS[reason] & set(done.fault.targets))


def _ended(call: dict[str, Any]) -> datetime:
    """As the database tells it, in UTC without saying so."""
    ended: datetime = call["ended_at"]
    return ended.replace(tzinfo=UTC)
