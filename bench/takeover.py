"""Takeover: from the death of an agent in a conversation until the callee hears the one that takes its place.

The agent's process, or its whole worker beside another one, is killed while a silent callee waits; what counts is when
the phone's ear hears a voice again.
"""

import asyncio
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.results import Result
from parley_local.world import World
from tests.processes import service
from tests.support.customer import Customer, until

ROUNDS = 20
WORKER_ROUNDS = 5
NUMBER = "2003"
SILENCE_SECONDS = 60
DEMAND_SECONDS = 5.0
WORKER_DEMAND_SECONDS = 10.0
SECOND_PORT = 50
"""So far from the first worker's."""


async def measure(world: World) -> list[Result]:
    """Kill the agent of one call after the other, then workers."""
    async with Customer(world) as customer:
        limits = {"silence_timeout_seconds": SILENCE_SECONDS}
        assistant_id = await customer.assistant(assistant_recording={"enabled": False}, assistant_limits=limits)
        of_agents = [await _taken_over(customer, assistant_id, _kill_agent) for _ in range(ROUNDS)]
        of_workers = [await _from_a_worker(customer, assistant_id) for _ in range(WORKER_ROUNDS)]
    return [_result("agent", of_agents, DEMAND_SECONDS), _result("worker", of_workers, WORKER_DEMAND_SECONDS)]


def _result(who: str, seconds: list[float], demand: float) -> Result:
    told = f"p50 {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s (n={len(seconds)})"
    return Result(
        f"takeover: death of the {who} to the next one's voice", told,
        demand=f"<= {demand:.0f} s", met=max(seconds) <= demand,
    )  # fmt: skip


async def _from_a_worker(customer: Customer, assistant_id: str) -> float:
    """Kill whichever of two workers holds the call."""
    world = customer.world
    with tempfile.TemporaryDirectory() as folder:
        port, log = world.ports.agent_port + SECOND_PORT, Path(folder) / "agent.log"
        async with service("parley_agent", world.environment(), port, log) as second:

            async def kill(customer: Customer, call_id: str) -> None:
                if call_id in customer.world.log("agent"):
                    await asyncio.to_thread(customer.world.kill, "agent")
                else:
                    await second.kill()

            seconds = await _taken_over(customer, assistant_id, kill)
    await asyncio.to_thread(world.start, "agent")
    return seconds


async def _taken_over(customer: Customer, assistant_id: str, kill: Callable[[Customer, str], Awaitable[None]]) -> float:
    call_id = await customer.call(NUMBER, assistant_id)
    await customer.words_after(call_id, 1)
    killed_at = time.time()
    await kill(customer, call_id)

    async def heard() -> float | None:
        (invite,) = await customer.invites(call_id)
        return next((began for began in _beginnings(invite) if began > killed_at), None)

    seconds = await until(heard) - killed_at
    await customer.cancel(call_id)
    await customer.report(call_id)
    return seconds


async def _kill_agent(customer: Customer, call_id: str) -> None:
    os.kill(_agent_of(customer.world, call_id), signal.SIGKILL)


def _beginnings(invite: dict[str, Any]) -> list[float]:
    return [datetime.fromisoformat(began).timestamp() for began in invite["voices_heard_at"]]


def _agent_of(world: World, call_id: str) -> int:
    """Return the process that holds a call."""
    lines = (json.loads(line) for line in world.log("agent").splitlines() if "agent holds the call" in line)
    process_id: int = next(line["process_id"] for line in lines if line["call_id"] == call_id)
    return process_id
