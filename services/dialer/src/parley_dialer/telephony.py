"""The port through which the dialer reaches rooms, agents and phones, in the dialer's own words."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from parley_common.calls import Attempt, Call
from parley_common.lifecycle import EndReason


@dataclass(frozen=True)
class Answered:
    """The callee picked up."""


@dataclass(frozen=True)
class Refused:
    """The INVITE came to an end without an answer; `reason` is final for this attempt."""

    reason: EndReason
    sip_status_code: int | None = None


@dataclass(frozen=True)
class RangOut:
    """Nobody answered within the ringing timeout; whether anything rang at all, only the room has seen."""


@dataclass(frozen=True)
class NotSent:
    """It is certain that no INVITE went out: the same call may be dialed again later."""


@dataclass(frozen=True)
class Unknown:
    """The connection to LiveKit broke; the phone may be ringing."""


type DialOutcome = Answered | Refused | RangOut | NotSent | Unknown


class PhoneState(StrEnum):
    """What the room says about the callee's leg."""

    ABSENT = "absent"
    DIALING = "dialing"
    RINGING = "ringing"
    ACTIVE = "active"


@dataclass(frozen=True)
class RoomView:
    """Who is in the room of a call right now."""

    exists: bool
    phone: PhoneState = PhoneState.ABSENT
    agents: frozenset[str] = frozenset()


class Telephony(Protocol):
    """What the dialer asks of LiveKit. Every method raises LiveKitUnavailable when the server does not answer."""

    async def open_room(self, call: Call) -> None:
        """Make the call's room and send for an agent; whoever is left in it from an earlier try has to leave."""

    async def replace_agent(self, call: Call, lost_identity: str | None) -> None:
        """Put the lost agent out of the live room and send for another; harmless when the room is gone."""

    async def dial(self, call: Call, attempt: Attempt) -> DialOutcome:
        """Send one INVITE and wait for its outcome, at most the ringing timeout."""

    async def look(self, room_name: str, attempt: Attempt | None) -> RoomView:
        """Say who is in the room."""

    async def room_names(self) -> list[str]:
        """Name all rooms that there are, of whomever."""

    async def close_room(self, room_name: str) -> bool:
        """Hang up whoever is in the room; harmless when it is gone.

        False when the room's server had died: a phone that was in it may ring on, and was hung up on by nobody.
        """
