"""A phone network in memory: rooms with agents, and callees that the last digits of their number describe."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from parley_common.calls import Attempt, Call
from parley_common.errors import LiveKitUnavailable
from parley_common.ids import AttemptId
from parley_common.lifecycle import EndReason
from parley_dialer.telephony import Answered, DialOutcome, NotSent, PhoneState, RangOut, Refused, RoomView

NO_TRUNK = "ST_unknown"
RINGS_OUT = "0408"
HANGS_UP_AT_ONCE = "2002"
REFUSALS: Mapping[str, Refused] = {
    "0486": Refused(EndReason.BUSY, 486),
    "0603": Refused(EndReason.DECLINED, 603),
    "0404": Refused(EndReason.INVALID_NUMBER, 404),
    "0480": Refused(EndReason.NO_ANSWER, 480),
    "0403": Refused(EndReason.TRUNK_AUTH_FAILED, 403),
    "0503": Refused(EndReason.CARRIER_ERROR, 503),
    "0429": Refused(EndReason.RATE_LIMITED, 503),
}
_BRIEFLY = 0.02


@dataclass
class FakeRoom:
    """Who is in a room, and how many agents were sent for."""

    dispatches: int = 0
    agents: set[str] = field(default_factory=set)
    phones: dict[str, PhoneState] = field(default_factory=dict)
    closed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class FakeTelephony:
    """Telephony that keeps count of its INVITEs; set `away` to make LiveKit silent."""

    rooms: dict[str, FakeRoom] = field(default_factory=dict)
    invites: list[AttemptId] = field(default_factory=list)
    outcomes: deque[DialOutcome] = field(default_factory=deque)
    """What the next dials come to, with no phone left in the room; after these the number decides."""

    away: bool = False
    died: bool = False
    """Rooms are those of a server that was killed: closing one reaches nobody."""

    async def open_room(self, call: Call) -> None:
        self._answer()
        if call.dispatches > 1:
            await self.close_room(call.room_name)
        if call.room_name not in self.rooms:
            self.rooms[call.room_name] = FakeRoom(dispatches=1)

    async def replace_agent(self, call: Call, lost_identity: str | None) -> None:
        self._answer()
        room = self.rooms.setdefault(call.room_name, FakeRoom())
        room.agents.discard(lost_identity or "")
        room.dispatches += 1

    async def dial(self, call: Call, attempt: Attempt) -> DialOutcome:
        if self.away:
            return NotSent()
        if call.trunk_id == NO_TRUNK:
            return Refused(EndReason.TRUNK_NOT_FOUND)
        self.invites.append(attempt.attempt_id)
        if self.outcomes:
            return self.outcomes.popleft()
        room = self.rooms.setdefault(call.room_name, FakeRoom())
        room.phones[attempt.attempt_id] = PhoneState.DIALING
        outcome = await self._ring(room, call, attempt)
        if not isinstance(outcome, Answered):
            room.phones.pop(attempt.attempt_id, None)
        return outcome

    async def look(self, room_name: str, attempt: Attempt | None) -> RoomView:
        self._answer()
        if (room := self.rooms.get(room_name)) is None:
            return RoomView(exists=False)
        phone = room.phones.get(attempt.attempt_id, PhoneState.ABSENT) if attempt else PhoneState.ABSENT
        return RoomView(exists=True, phone=phone, agents=frozenset(room.agents))

    async def room_names(self) -> list[str]:
        self._answer()
        return list(self.rooms)

    async def close_room(self, room_name: str) -> bool:
        self._answer()
        if room := self.rooms.pop(room_name, None):
            room.closed.set()
        return not self.died

    async def appear(self, room_name: str, leg: str) -> FakeRoom:
        """Let a phone ring in a room that was closed before its INVITE came."""
        await asyncio.sleep(_BRIEFLY)
        room = self.rooms[room_name] = FakeRoom(phones={leg: PhoneState.RINGING})
        return room

    async def _ring(self, room: FakeRoom, call: Call, attempt: Attempt) -> DialOutcome:
        number = call.to_number[-4:]
        if await _closed_within(room, _BRIEFLY):
            return RangOut()
        if number in REFUSALS:
            return REFUSALS[number]
        room.phones[attempt.attempt_id] = PhoneState.RINGING
        rings = call.assistant.limits.ringing_timeout_seconds if number == RINGS_OUT else _BRIEFLY
        if await _closed_within(room, rings) or number == RINGS_OUT:
            return RangOut()
        if number == HANGS_UP_AT_ONCE:
            del room.phones[attempt.attempt_id]
        else:
            room.phones[attempt.attempt_id] = PhoneState.ACTIVE
        return Answered()

    def _answer(self) -> None:
        if self.away:
            raise LiveKitUnavailable("LiveKit does not answer")


async def _closed_within(room: FakeRoom, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await room.closed.wait()
    except TimeoutError:
        return False
    return True
