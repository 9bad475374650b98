"""Follows a call by its events until all that should happen has happened, or says what did not."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

SAID_BY = {
    "call.requested.v1": "api",
    "agent.ready.v1": "agent",
    "call.ringing.v1": "agent",
    "call.answered.v1": "agent or dialer",
    "transcript.chunk.v1": "agent",
    "call.ended.v1": "agent or dialer",
    "recording.ready.v1": "recorder",
    "recording.failed.v1": "recorder",
    "analysis.ready.v1": "recorder",
    "analysis.failed.v1": "recorder",
}
REFUSED = frozenset({"call.requested.v1", "agent.ready.v1", "call.ended.v1"})
UNANSWERED = REFUSED | {"call.ringing.v1"}
ANSWERED = UNANSWERED | {"call.answered.v1", "transcript.chunk.v1", "recording.ready.v1", "analysis.ready.v1"}
PATIENCE_SECONDS = 120.0


class DemoFailed(Exception):
    """Something that should have happened did not."""


class Events(Protocol):
    """Where the events of all calls come from, one by one."""

    async def get(self) -> dict[str, Any]: ...


async def follow(
    events: Events, call_id: str, expected: frozenset[str], show: Callable[[dict[str, Any]], None]
) -> None:
    """Show a call's events until all expected types were among them. Raises DemoFailed, with what is missing."""
    missing = set(expected)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while missing:
                event = await events.get()
                if event["call_id"] == call_id and event["type"] in SAID_BY:
                    show(event)
                    _refuse(event)
                    missing.discard(event["type"])
    except TimeoutError:
        raise DemoFailed(f"call {call_id} said no {', '.join(sorted(missing))}") from None


def _refuse(event: dict[str, Any]) -> None:
    what, _, outcome = event["type"].removesuffix(".v1").partition(".")
    if outcome == "failed":
        raise DemoFailed(f"there is no {what} of call {event['call_id']}: {event['error']}")
