"""Typed identifiers; each is a prefix that tells what it names and 24 random hex digits."""

import secrets
from typing import NewType

CallId = NewType("CallId", str)
OwnerId = NewType("OwnerId", str)
AssistantId = NewType("AssistantId", str)
TrunkId = NewType("TrunkId", str)
AttemptId = NewType("AttemptId", str)
EventId = NewType("EventId", str)
EndpointId = NewType("EndpointId", str)


def _random(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def new_call_id() -> CallId:
    return CallId(_random("call"))


def new_owner_id() -> OwnerId:
    return OwnerId(_random("own"))


def new_assistant_id() -> AssistantId:
    return AssistantId(_random("asst"))


def new_attempt_id() -> AttemptId:
    """Also the identity of the SIP participant: LiveKit hangs up an older call of the same identity."""
    return AttemptId(_random("callee"))


def new_endpoint_id() -> EndpointId:
    return EndpointId(_random("ep"))


EXAMPLE = "test"
"""So begin the ids of events that tell of nothing; receivers know them by it."""


def example_event_id() -> EventId:
    return EventId(_random(EXAMPLE))


def event_id(call_id: CallId, seq: int, version: str = "v1") -> EventId:
    """Name an event by the write that made it, so that every publication of it carries the same id."""
    return EventId(f"evt_{call_id}_{seq}_{version}".removesuffix("_v1"))
