"""Which processes a world has left behind: seen from the outside, by their environment and their connections."""

import asyncio
import time
from contextlib import suppress

import psutil

from parley_local.world import World

LEAVING_SECONDS = 60.0


async def left_running(world: World) -> list[str]:
    """Describe processes that no part of the world owns, and agents that hold a call though all are over.

    Those who are starting or leaving are given time; what was there all the while was left behind.
    """
    left, end = _left(world), time.monotonic() + LEAVING_SECONDS
    while left and time.monotonic() < end:
        await asyncio.sleep(1)
        left = [process for process in _left(world) if process in left]
    return [_described(process) for process in left]


def _left(world: World) -> list[psutil.Process]:
    parts = {name: psutil.Process(world.pid(name)) for name, runs in world.running().items() if runs}
    owned = {process.pid for part in parts.values() for process in (part, *part.children(recursive=True))}
    orphans = [process for process in psutil.process_iter() if process.pid not in owned and _belongs(process, world)]
    jobs = parts["agent"].children(recursive=True)
    return [*orphans, *(job for job in jobs if _holds_a_call(job, world))]


def _belongs(process: psutil.Process, world: World) -> bool:
    with suppress(psutil.Error):
        return bool(process.environ().get("MONGODB_URL") == world.environment()["MONGODB_URL"])
    return False


def _holds_a_call(job: psutil.Process, world: World) -> bool:
    """An agent in a call talks to its models, which the sandbox plays."""
    with suppress(psutil.Error):
        return any(wire.raddr and wire.raddr.port == world.ports.sandbox_port for wire in job.net_connections())
    return False


def _described(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        age = time.time() - process.create_time()
        return f"{process.pid} of {process.ppid()}, {age:.0f} s old: {' '.join(process.cmdline())[:60]}"
    return f"{process.pid}"
