"""What the recorder expects of an egress server: the fake keeps it, and so does LiveKit's interface."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from livekit import api
from pydantic import SecretStr

from parley_common.errors import LiveKitUnavailable
from parley_common.livekit import client as livekit_client
from parley_common.settings import LiveKitSettings
from parley_recorder import livekit_egress
from parley_recorder.egress import Egress, EgressState, EgressView
from tests.fakes.egress import FakeEgress

DEADLINE_SECONDS = 10.0


@pytest.fixture
async def egress(livekit: LiveKitSettings | None, room_name: str) -> AsyncIterator[Egress]:
    if livekit is None:
        yield FakeEgress()
        return
    async with livekit_egress.connect(livekit) as connected, livekit_client(livekit) as rooms:
        await rooms.room.create_room(api.CreateRoomRequest(name=room_name))
        yield connected
        if (view := await connected.find(room_name)) is not None and view.state is EgressState.RUNNING:
            await connected.stop(view.egress_id)
            await ended(connected, room_name)  # one that joins late makes the room anew
        await rooms.room.delete_room(api.DeleteRoomRequest(room=room_name))


@pytest.fixture
def room_name() -> str:
    return f"room_{secrets.token_hex(8)}"


async def ended(egress: Egress, room_name: str) -> EgressView:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            view = await egress.find(room_name)
            if view is not None and view.state is not EgressState.RUNNING:
                return view
            await asyncio.sleep(0.05)


async def test_room_that_was_never_recorded_has_no_recording(egress: Egress, room_name: str) -> None:
    assert await egress.find(room_name) is None


async def test_started_recording_is_found_by_its_room(egress: Egress, room_name: str) -> None:
    egress_id = await egress.start(room_name, f"recordings/{room_name}.ogg")
    view = await egress.find(room_name)
    assert view is not None
    assert (view.egress_id, view.state) == (egress_id, EgressState.RUNNING)


async def test_recording_of_another_room_is_not_found(egress: Egress, room_name: str) -> None:
    await egress.start(room_name, f"recordings/{room_name}.ogg")
    assert await egress.find(f"{room_name}_other") is None


async def test_stopped_recording_ends(egress: Egress, room_name: str) -> None:
    egress_id = await egress.start(room_name, f"recordings/{room_name}.ogg")
    await egress.stop(egress_id)
    assert (await ended(egress, room_name)).egress_id == egress_id


async def test_stopping_twice_is_harmless(egress: Egress, room_name: str) -> None:
    egress_id = await egress.start(room_name, f"recordings/{room_name}.ogg")
    await egress.stop(egress_id)
    await ended(egress, room_name)
    await egress.stop(egress_id)


async def test_stopping_what_never_ran_is_harmless(egress: Egress) -> None:
    await egress.stop("EG_unknown")


async def test_running_recording_is_found_before_an_ended_one(egress: Egress, room_name: str) -> None:
    first = await egress.start(room_name, f"recordings/{room_name}.ogg")
    await egress.stop(first)
    await ended(egress, room_name)
    second = await egress.start(room_name, f"recordings/{room_name}.ogg")
    view = await egress.find(room_name)
    assert view is not None
    assert view.egress_id == second


async def test_ended_recording_is_found_by_its_id_while_a_later_one_runs(egress: Egress, room_name: str) -> None:
    first = await egress.start(room_name, f"recordings/{room_name}.ogg")
    await egress.stop(first)
    await ended(egress, room_name)
    await egress.start(room_name, f"recordings/{room_name}.ogg")
    view = await egress.find(room_name, first)
    assert view is not None
    assert view.egress_id == first
    assert view.state is not EgressState.RUNNING


async def test_server_that_does_not_answer_is_unavailable() -> None:
    settings = LiveKitSettings(
        livekit_url="ws://127.0.0.1:9", livekit_api_key="key", livekit_api_secret=SecretStr("s" * 32)
    )
    async with livekit_egress.connect(settings) as lost:
        with pytest.raises(LiveKitUnavailable):
            await lost.find("room")
        with pytest.raises(LiveKitUnavailable):
            await lost.start("room", "key")
    with pytest.raises(LiveKitUnavailable):
        await FakeEgress(away=True).find("room")
