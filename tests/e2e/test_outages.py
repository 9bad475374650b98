"""Parts that die while calls go on."""

import asyncio

import pytest
from livekit import api

from parley_common import livekit
from parley_common.clock import iso, now
from parley_common.settings import LiveKitSettings
from tests.support.customer import Customer, until


async def test_call_accepted_while_rabbitmq_is_down_goes_out_when_it_is_back(customer: Customer) -> None:
    assistant = await customer.assistant()
    await asyncio.to_thread(customer.world.stop, "rabbitmq")
    try:
        call_id = await customer.call("0486", assistant)
        assert (await customer.get(f"/call/{call_id}"))["call_status"] in {"queued", "starting"}
    finally:
        await asyncio.to_thread(customer.world.start, "rabbitmq")
    report = await customer.report(call_id)
    assert report["call_status"] == "busy"
    assert len(await customer.invites(call_id)) == 1


async def test_call_goes_on_while_rabbitmq_restarts(customer: Customer) -> None:
    call_id = await customer.call("2006")
    await customer.words_after(call_id, 1)
    await asyncio.to_thread(customer.world.restart, "rabbitmq")
    restarted = iso(now())
    report = await customer.report(call_id)
    assert report["call_status"] == "completed"
    assert report["transcripts"][-1]["timestamp"] > restarted, "nothing was said after the restart"
    assert len(await customer.invites(call_id)) == 1


async def test_conversation_outlives_a_restart_of_livekit(customer: Customer) -> None:
    call_id = await customer.call("2006")
    before = await customer.words_after(call_id, 2)
    await asyncio.to_thread(customer.world.restart, "livekit")
    await customer.words_after(call_id, len(before) + 3)
    assert await customer.cancel(call_id) == "in_progress"
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "api_hangup")
    assert len(await customer.invites(call_id)) == 1


@pytest.mark.parametrize(("number", "moment"), [("2008", "invited_at"), ("0200", "answered_at")])
async def test_dialer_killed_while_it_dials_does_not_ring_a_phone_twice(
    customer: Customer, number: str, moment: str
) -> None:
    call_id = await customer.call(number)

    async def reached() -> bool:
        return any(invite[moment] for invite in await customer.invites(call_id))

    await until(reached)
    await asyncio.to_thread(customer.world.kill, "dialer")
    report = await customer.report(call_id)
    assert report["call_status"] == "completed"
    assert len(await customer.invites(call_id)) == 1


@pytest.mark.parametrize("service", ["webhooks", "recorder", "dialer", "api"])
async def test_restarted_service_loses_no_report(customer: Customer, service: str) -> None:
    call_id = await customer.call("2001")
    await customer.until_status(call_id, "in_progress")
    await asyncio.to_thread(customer.world.kill, service)
    await asyncio.to_thread(customer.world.start, service)
    report = await customer.report(call_id)
    assert report["call_status"] == "completed"
    assert len(await customer.invites(call_id)) == 1


async def test_room_and_egress_of_an_ended_call_are_gone(customer: Customer, livekit_settings: LiveKitSettings) -> None:
    call_id = await customer.call("2002")
    await customer.report(call_id)
    (invite,) = await customer.invites(call_id)
    assert invite["ended_at"] is not None
    room_name = invite["room_name"]
    async with livekit.client(livekit_settings) as server:

        async def gone() -> bool:
            rooms = await server.room.list_rooms(api.ListRoomsRequest(names=[room_name]))
            running = await server.egress.list_egress(api.ListEgressRequest(room_name=room_name, active=True))
            return not rooms.rooms and not running.items

        await until(gone)
