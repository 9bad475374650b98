"""The servers under the benchmarks, and what they need beside a world's own parts."""

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from parley_common import topology
from parley_common.settings import MongoSettings
from parley_local.parts import HOST
from parley_local.world import World

STOP_SECONDS = 30.0


def mongo_of(world: World, database_name: str = "parley") -> MongoSettings:
    return MongoSettings.model_validate(
        {"mongodb_url": world.environment()["MONGODB_URL"], "database_name": database_name}
    )


@asynccontextmanager
async def virtual_host(world: World) -> AsyncIterator[str]:
    """Make a virtual host of its own on the real broker, with Parley's topology, and yield its URL."""
    name = f"bench-{secrets.token_hex(4)}"
    management = f"http://{HOST}:{world.ports.rabbitmq_management_port}/api/vhosts/{name}"
    async with httpx.AsyncClient(auth=("guest", "guest"), timeout=20, trust_env=False) as http:
        (await http.put(management)).raise_for_status()
        try:
            url = f"{world.environment()['RABBITMQ_URL']}{name}"
            await topology.declare(url)
            yield url
        finally:
            (await http.delete(management)).raise_for_status()


@dataclass(frozen=True)
class Process:
    """A process beside the world: its pid and what it logs."""

    pid: int
    log: Path

    async def logged(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")


@asynccontextmanager
async def process(world: World, *command: str, **environment: str) -> AsyncIterator[Process]:
    """Run `python -m command` in the world's environment until the end of the block."""
    inherited = dict(os.environ)  # noqa: TID251  # child processes inherit it
    log = world.state / "log" / f"{command[0]}.log"
    with log.open("wb") as output:
        started = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *command,
            env={**inherited, **world.environment(), **environment},
            stdout=output,
            stderr=output,
        )
    try:
        yield Process(started.pid, log)
    finally:
        with suppress(ProcessLookupError):
            started.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await started.wait()
        except TimeoutError:
            started.kill()


async def answers(url: str) -> bool:
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
        try:
            return (await http.get(url)).is_success
        except httpx.HTTPError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
