"""Agents that die in the middle of a conversation."""

import asyncio
import json
import os
import signal
from collections.abc import Collection
from pathlib import Path

import pytest
from livekit import api

from parley_common import livekit
from tests.processes import service
from tests.support.customer import Customer, until
from tests.support.livekit_settings import livekit_of


async def test_callee_who_waits_hears_an_apology_when_the_agent_has_died(customer: Customer) -> None:
    call_id = await customer.call("2003", await customer.assistant(assistant_limits={"silence_timeout_seconds": 8}))
    await customer.words_after(call_id, 1)
    os.kill(await agent_of(customer, call_id), signal.SIGKILL)
    report = await customer.report(call_id)
    assert [turn["text"] for turn in report["transcripts"]][:2] == [
        "Hello John, how can I help?",
        "I am sorry for the interruption. Where were we?",
    ]
    assert report["call_end_reason"] == "silence"


async def test_conversation_goes_on_when_its_agent_dies(customer: Customer) -> None:
    call_id = await customer.call("2006")
    before = await customer.words_after(call_id, 3)
    os.kill(await agent_of(customer, call_id), signal.SIGKILL)
    await assert_goes_on(customer, call_id, before)
    await assert_ended_by_us(customer, call_id)


@pytest.mark.alone
async def test_call_goes_from_worker_to_worker_when_one_stands_still_and_the_next_one_dies(
    customer: Customer, tmp_path: Path
) -> None:
    """The worker that stands still is thought dead while its agent lives on in the room, and leaves it later."""
    port = customer.world.ports.agent_port + 50
    async with service("parley_agent", customer.world.environment(), port, tmp_path / "agent.log") as second:
        call_id = await customer.call("2006")
        said = await customer.words_after(call_id, 3)
        held_by_second = call_id not in customer.world.log("agent")
        worker = second.process.pid if held_by_second else customer.world.pid("agent")
        os.kill(worker, signal.SIGSTOP)
        try:
            said = await assert_goes_on(customer, call_id, said)
        finally:
            os.kill(worker, signal.SIGCONT)
        if held_by_second:
            await asyncio.to_thread(customer.world.kill, "agent")
        else:
            await second.kill()
        await assert_goes_on(customer, call_id, said)
        await assert_ended_by_us(customer, call_id)


async def test_agent_that_comes_after_the_end_leaves_no_room(customer: Customer) -> None:
    call_id = await customer.call("2002")
    await customer.report(call_id)
    room = (await customer.invites(call_id))[0]["room_name"]
    settings = livekit_of(customer.world)
    dispatch = api.CreateAgentDispatchRequest(
        agent_name=settings.livekit_agent_name, room=room, metadata=json.dumps({"call_id": call_id})
    )
    async with livekit.client(settings) as server:
        try:
            await server.agent_dispatch.create_dispatch(dispatch)
        except api.ServerError as refusal:
            if refusal.code != "unavailable":  # the room that it makes may be closed before anybody is sent for
                raise

        async def gone() -> bool:
            return not (await server.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms

        await until(gone)


async def test_call_whose_agents_keep_dying_is_hung_up_with_its_words(customer: Customer) -> None:
    call_id = await customer.call("2006")
    said = await customer.words_after(call_id, 3)
    killing = asyncio.create_task(kill_agents_of(customer, call_id))
    report = await customer.report(call_id)
    killing.cancel()
    assert (report["call_status"], report["call_end_reason"]) == ("failed", "agent_lost")
    assert [turn["text"] for turn in report["transcripts"]][: len(said)] == said


async def kill_agents_of(customer: Customer, call_id: str) -> None:
    """Kill each agent that takes the call; one who comes late may be a fourth."""
    killed: set[int] = set()
    while True:
        process_id = await agent_of(customer, call_id, other_than=killed)
        os.kill(process_id, signal.SIGKILL)
        killed.add(process_id)


async def assert_goes_on(customer: Customer, call_id: str, before: list[str]) -> list[str]:
    """Four more turns are spoken, and those before are kept; return all of them."""
    said = await customer.words_after(call_id, len(before) + 4)
    assert said[: len(before)] == before
    return said


async def assert_ended_by_us(customer: Customer, call_id: str) -> None:
    """Everything that was said is in the report, and the phone rang once."""
    said = await customer.words_after(call_id, 1)
    await customer.cancel(call_id)
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "api_hangup")
    assert [turn["text"] for turn in report["transcripts"]][: len(said)] == said
    assert len(await customer.invites(call_id)) == len(await customer.deliveries(call_id)) == 1


async def agent_of(customer: Customer, call_id: str, other_than: Collection[int] = ()) -> int:
    """Return the process that holds a call, once there is one other than those that were killed."""

    async def logged() -> int | None:
        lines = (
            json.loads(line) for line in customer.world.log("agent").splitlines() if "agent holds the call" in line
        )
        processes = [line["process_id"] for line in lines if line["call_id"] == call_id]
        return next((process_id for process_id in reversed(processes) if process_id not in other_than), None)

    return await until(logged)
