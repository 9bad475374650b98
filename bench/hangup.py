"""Hanging up: from the request that cancels a call until its phone has stopped ringing."""

import statistics
import time
from datetime import datetime

from bench.results import Result
from parley_local.world import World
from tests.support.customer import Customer, until

ROUNDS = 20
NUMBER = "2008"
DEMAND_SECONDS = 1.0


async def measure(world: World) -> list[Result]:
    """Cancel one ringing phone after the other."""
    async with Customer(world) as customer:
        assistant_id = await customer.assistant(assistant_recording={"enabled": False})
        seconds = [await _silenced(customer, assistant_id) for _ in range(ROUNDS)]
    middle, worst = statistics.median(seconds), max(seconds)
    told = f"p50 {middle * 1000:.0f} ms, worst {worst * 1000:.0f} ms (n={len(seconds)})"
    return [
        Result("hangup: cancel to a silent phone", told,
               demand=f"<= {DEMAND_SECONDS:.0f} s", met=worst <= DEMAND_SECONDS),
    ]  # fmt: skip


async def _silenced(customer: Customer, assistant_id: str) -> float:
    call_id = await customer.call(NUMBER, assistant_id)
    await until(lambda: _moment(customer, call_id, "ringing_at"))
    canceled_at = time.time()
    await customer.cancel(call_id)
    ended_at = await until(lambda: _moment(customer, call_id, "ended_at"))
    await customer.report(call_id)
    return ended_at - canceled_at


async def _moment(customer: Customer, call_id: str, name: str) -> float | None:
    told = next((invite[name] for invite in await customer.invites(call_id)), None)
    return datetime.fromisoformat(told).timestamp() if told else None
