"""The callee's leg as the agent sees it: why it is gone, and when both are back after a gap."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from livekit import rtc

from parley_agent import line as lines
from parley_agent.line import Line
from parley_common.lifecycle import EndReason


@dataclass
class Callee:
    """A phone in the room."""

    identity: str = "callee_1"
    kind: int = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
    attributes: dict[str, str] = field(default_factory=lambda: {"sip.callStatus": "active"})
    disconnect_reason: int | None = None


class Room(rtc.EventEmitter[str]):
    """What the agent is told of its room."""

    def __init__(self) -> None:
        super().__init__()
        self.remote_participants: dict[str, Callee] = {}

    def joins(self) -> None:
        self.remote_participants["callee_1"] = Callee()
        self.emit("participant_connected", Callee())

    def leaves(self, reason: int | None) -> None:
        self.remote_participants.clear()
        self.emit("participant_disconnected", Callee(disconnect_reason=reason))


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def line(room: Room) -> Line:
    """Return the line of a callee who has answered."""
    watched = Line(cast("rtc.Room", room))
    watched.watch()
    room.joins()
    return watched


def heard(line: Line) -> list[Any]:
    """Return what the line will have told."""
    told: list[Any] = []
    line.on_gone = told.append
    line.on_mended = lambda: told.append("mended")
    return told


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (rtc.DisconnectReason.CLIENT_INITIATED, [EndReason.CALLEE_HANGUP]),
        (rtc.DisconnectReason.MEDIA_FAILURE, [EndReason.CARRIER_ERROR]),
        (rtc.DisconnectReason.SIP_TRUNK_FAILURE, [EndReason.CARRIER_ERROR]),
        (rtc.DisconnectReason.ROOM_DELETED, []),
    ],
    ids=["hung up", "media failed", "trunk failed", "room deleted"],
)
async def test_callee_who_is_gone_is_gone_for_a_reason(line: Line, room: Room, left: int, reason: list[str]) -> None:
    told = heard(line)
    room.leaves(left)
    assert told == reason


@pytest.mark.parametrize("left", [None, rtc.DisconnectReason.CONNECTION_TIMEOUT, rtc.DisconnectReason.JOIN_FAILURE])
async def test_callee_whom_livekit_has_lost_and_who_does_not_come_back_has_lost_the_room(
    line: Line, room: Room, monkeypatch: pytest.MonkeyPatch, left: int | None
) -> None:
    monkeypatch.setattr(lines, "REAPPEARANCE_GRACE_SECONDS", 0.05)
    told = heard(line)
    room.leaves(left)
    assert told == []
    await asyncio.sleep(0.2)
    assert told == [EndReason.ROOM_LOST]


async def test_gap_is_told_once_both_are_back(line: Line, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "NOTICED_SECONDS", 0.0)
    told = heard(line)
    room.emit("reconnecting")
    room.leaves(None)
    await asyncio.sleep(0.01)
    room.emit("reconnected")
    assert told == []
    room.joins()
    assert told == ["mended"]


async def test_gap_that_nobody_noticed_is_not_told(line: Line, room: Room) -> None:
    told = heard(line)
    room.emit("reconnecting")
    room.emit("reconnected")
    assert told == []
