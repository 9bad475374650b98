"""How calls end that nobody on the phone ends, and that nothing is left of them."""

from datetime import timedelta

from livekit import api

from parley_common import livekit
from parley_common.clock import now
from parley_common.settings import LiveKitSettings
from tests.support.customer import Customer, until


async def test_callee_who_stays_silent_is_asked_twice_and_then_left(customer: Customer) -> None:
    assistant = await customer.assistant(assistant_limits={"silence_timeout_seconds": 3})
    report = await customer.report(await customer.call("2003", assistant))
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "silence")
    assert [turn["text"] for turn in report["transcripts"]] == [
        "Hello John, how can I help?",
        "Are you still there?",
        "Are you still there?",
        "Thank you for your time. Goodbye.",
    ]


async def test_conversation_that_takes_too_long_is_wrapped_up_in_words(customer: Customer) -> None:
    assistant = await customer.assistant(assistant_limits={"max_duration_seconds": 12})
    report = await customer.report(await customer.call("2006", assistant))
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "max_duration")
    spoken = [turn["text"] for turn in report["transcripts"] if turn["speaker"] == "agent"]
    assert spoken[-1] == "Thank you for your time. Goodbye."


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
