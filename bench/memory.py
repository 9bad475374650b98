"""Memory: a live call's proportional share (PSS) in our worker, against the same call in the bare agent's."""

import asyncio
import statistics
from pathlib import Path
from typing import Any

import psutil

from bench.bare_calls import bare_calls
from bench.results import Result
from parley_local.world import World
from tests.support.customer import Customer, until

ROUNDS = 3
NUMBER = "2006"
TURNS = 2
AT_MOST = 1.2


async def measure(world: World) -> list[Result]:
    """Hold one call in each worker at a time and weigh both when the conversation is on its way."""
    ours, bare = [], []
    async with Customer(world) as customer, bare_calls(world, customer.trunk_id) as floor:
        assistant_id = await customer.assistant(assistant_recording={"enabled": False})
        for _ in range(ROUNDS):
            call = await customer.get(f"/call/{await customer.call(NUMBER, assistant_id)}")
            rooms = [call["room_name"], await floor.call(NUMBER)]
            await asyncio.gather(*(_talking(customer, room) for room in rooms))
            ours.append(_job_megabytes(world.pid("agent"), world.ports.sandbox_port))
            bare.append(_job_megabytes(floor.worker.pid, world.ports.sandbox_port))
            await asyncio.gather(*(floor.hang_up(room) for room in rooms))
            await customer.report(call["call_id"])
    subject, floored = statistics.median(ours), statistics.median(bare)
    ratio = subject / floored
    return [
        Result(
            "memory: a live call", f"{subject:.0f} MB", f"{floored:.0f} MB", ratio, f"<= {AT_MOST}", ratio <= AT_MOST
        )
    ]


async def _talking(customer: Customer, room_name: str) -> None:
    async def replied() -> bool:
        found: list[dict[str, Any]] = (await customer.sandbox.get("/calls", params={"room": room_name})).json()
        return bool(found) and len(found[0]["response_seconds"]) >= TURNS

    await until(replied)


def _job_megabytes(worker: int, sandbox_port: int) -> float:
    """Weigh the process of a worker that holds the call: the one below it that talks to the phone network."""
    (job,) = [
        process.pid
        for process in psutil.Process(worker).children(recursive=True)
        if any(connection.raddr and connection.raddr.port == sandbox_port for connection in process.net_connections())
    ]
    rollup = Path(f"/proc/{job}/smaps_rollup").read_text(encoding="ascii")
    share = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(share.split()[1]) / 1024
