"""Takeover: from the death of an agent in a conversation until the callee hears the one that takes its place.

The agent's process is killed while a silent callee waits; what counts is when the phone's ear hears a voice again.
"""

import json
import os
import signal
import statistics
import time
from datetime import datetime
from typing import Any

from bench.results import Result
from parley_local.world import World
from tests.support.customer import Customer, until

ROUNDS = 20
NUMBER = "2003"
SILENCE_SECONDS = 60
DEMAND_SECONDS = 5.0


async def measure(world: World) -> list[Result]:
    """Kill the agent of one call after the other."""
    async with Customer(world) as customer:
        limits = {"silence_timeout_seconds": SILENCE_SECONDS}
        assistant_id = await customer.assistant(assistant_recording={"enabled": False}, assistant_limits=limits)
        seconds = [await _taken_over(customer, assistant_id) for _ in range(ROUNDS)]
    middle, worst = statistics.median(seconds), max(seconds)
    told = f"p50 {middle:.1f} s, worst {worst:.1f} s (n={len(seconds)})"
    return [
        Result("takeover: death of the agent to the next one's voice", told,
               demand=f"<= {DEMAND_SECONDS:.0f} s", met=worst <= DEMAND_SECONDS),
    ]  # fmt: skip


async def _taken_over(customer: Customer, assistant_id: str) -> float:
    call_id = await customer.call(NUMBER, assistant_id)
    await customer.words_after(call_id, 1)
    killed_at = time.time()
    os.kill(_agent_of(customer.world, call_id), signal.SIGKILL)

    async def heard() -> float | None:
        (invite,) = await customer.invites(call_id)
        return next((began for began in _beginnings(invite) if began > killed_at), None)

    seconds = await until(heard) - killed_at
    await customer.cancel(call_id)
    await customer.report(call_id)
    return seconds


def _beginnings(invite: dict[str, Any]) -> list[float]:
    return [datetime.fromisoformat(began).timestamp() for began in invite["voices_heard_at"]]


def _agent_of(world: World, call_id: str) -> int:
    """Return the process that holds a call."""
    lines = (json.loads(line) for line in world.log("agent").splitlines() if "agent holds the call" in line)
    process_id: int = next(line["process_id"] for line in lines if line["call_id"] == call_id)
    return process_id
