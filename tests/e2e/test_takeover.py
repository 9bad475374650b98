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
    await assert_went_on(customer, call_id, before)


@pytest.mark.alone
async def test_another_worker_takes_the_calls_of_one_that_dies(customer: Customer, tmp_path: Path) -> None:
    port = customer.world.ports.agent_port + 50
    async with service("parley_agent", customer.world.environment(), port, tmp_path / "agent.log") as second:
        call_id = await customer.call("2006")
        before = await customer.words_after(call_id, 3)
        if call_id in customer.world.log("agent"):
            await asyncio.to_thread(customer.world.kill, "agent")
        else:
            await second.kill()
        await assert_went_on(customer, call_id, before)


@pytest.mark.alone
async def test_agent_that_was_thought_dead_leaves_the_call_to_its_successor(customer: Customer, tmp_path: Path) -> None:
    """Its worker stands still, so that its heartbeat does; the agent itself lives on in the room."""
    port = customer.world.ports.agent_port + 50
    async with service("parley_agent", customer.world.environment(), port, tmp_path / "agent.log") as second:
        call_id = await customer.call("2006")
        before = await customer.words_after(call_id, 3)
        own = call_id in customer.world.log("agent")
        worker = customer.world.pid("agent") if own else second.process.pid
        os.kill(worker, signal.SIGSTOP)
        try:
            await assert_went_on(customer, call_id, before)
        finally:
            os.kill(worker, signal.SIGCONT)


async def test_agent_that_comes_after_the_end_leaves_no_room(customer: Customer) -> None:
    call_id = await customer.call("2002")
    await customer.report(call_id)
    room = (await customer.invites(call_id))[0]["room_name"]
    settings = livekit_of(customer.world)
    dispatch = api.CreateAgentDispatchRequest(
        agent_name=settings.livekit_agent_name, room=room, metadata=json.dumps({"call_id": call_id})
    )
    async with livekit.client(settings) as server:
        await server.agent_dispatch.create_dispatch(dispatch)

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


async def assert_went_on(customer: Customer, call_id: str, before: list[str]) -> None:
    """More turns are spoken after the death; everything is in the report, and the phone rang once."""
    said = await customer.words_after(call_id, len(before) + 4)
    await customer.cancel(call_id)
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "api_hangup")
    assert [turn["text"] for turn in report["transcripts"]][: len(said)] == said
    assert said[: len(before)] == before
    assert len(await customer.invites(call_id)) == 1


async def agent_of(customer: Customer, call_id: str, other_than: Collection[int] = ()) -> int:
    """Return the process that holds a call, once there is one other than those that were killed."""

    async def logged() -> int | None:
        lines = (
            json.loads(line) for line in customer.world.log("agent").splitlines() if "agent holds the call" in line
        )
        processes = [line["process_id"] for line in lines if line["call_id"] == call_id]
        return next((process_id for process_id in reversed(processes) if process_id not in other_than), None)

    return await until(logged)
