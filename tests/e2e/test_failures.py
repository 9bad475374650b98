"""What is said of a call that fails: the reason, the words so far, and that no phone rang in vain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from livekit import api

from parley_common import livekit
from parley_common.clock import now
from parley_common.settings import LiveKitSettings
from tests.support.customer import Customer


@asynccontextmanager
async def faulty(customer: Customer, provider: str, **fault: object) -> AsyncIterator[None]:
    path = f"/providers/{provider}/fault"
    (await customer.sandbox.put(path, json=fault)).raise_for_status()
    try:
        yield
    finally:
        (await customer.sandbox.delete(path)).raise_for_status()


async def test_provider_that_fails_in_a_call_ends_it_as_such(customer: Customer) -> None:
    call_id = await customer.call("2006")
    await customer.words_after(call_id, 2)
    async with faulty(customer, "openai", kind="quota"):
        report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("failed", "provider_failed")
    assert report["fault"] == "provider"
    assert report["transcripts"][0]["text"] == "Hello John, how can I help?"


@pytest.mark.parametrize("provider", ["openai", "cartesia"])
async def test_model_or_voice_that_falls_silent_leaves_nobody_on_a_mute_line(customer: Customer, provider: str) -> None:
    silent = await customer.call("2003", await customer.assistant(assistant_limits={"silence_timeout_seconds": 3}))
    talker = await customer.call("2006")
    await customer.words_after(silent, 1)
    await customer.words_after(talker, 2)
    async with faulty(customer, provider, kind="slow", seconds=300):
        reports = [await customer.report(call_id) for call_id in (silent, talker)]
    assert {(report["call_end_reason"], report["fault"]) for report in reports} == {("provider_failed", "provider")}


async def test_room_that_was_deleted_by_hand_ends_its_call(
    customer: Customer, livekit_settings: LiveKitSettings
) -> None:
    call_id = await customer.call("2006")
    await customer.words_after(call_id, 2)
    room_name = (await customer.get(f"/call/{call_id}"))["room_name"]
    async with livekit.client(livekit_settings) as server:
        await server.room.delete_room(api.DeleteRoomRequest(room=room_name))
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("failed", "room_lost")
    assert len(report["transcripts"]) >= 2


async def test_call_over_a_trunk_that_was_deleted_meanwhile_fails(customer: Customer) -> None:
    trunk = await customer.trunk()
    call_id = await customer.call("0200", trunk_id=trunk, scheduled_at=(now() + timedelta(seconds=3)).isoformat())
    (await customer.api.delete(f"/sip/delete/{trunk}")).raise_for_status()
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("failed", "trunk_not_found")


async def test_call_rings_nobody_while_no_agent_is_there(customer: Customer) -> None:
    await asyncio.to_thread(customer.world.stop, "agent")
    try:
        expires_at = now() + timedelta(seconds=15)
        call_id = await customer.call("0200", expires_at=expires_at.isoformat())
        report = await customer.report(call_id)
    finally:
        await asyncio.to_thread(customer.world.start, "agent")
    assert (report["call_status"], report["call_end_reason"]) == ("failed", "agent_unavailable")
    assert await customer.invites(call_id) == []
