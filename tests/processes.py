"""A service as it really runs: a process of its own, started and ended by a test."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

READY_SECONDS = 60.0
INHERITED = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251  # passed on
"""What a process needs of ours to find its tools; everything else is given to it by name."""


@dataclass(frozen=True)
class Service:
    """A running service and where it answers."""

    process: Process
    url: str

    async def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def service(
    module: str, environment: Mapping[str, str], port: int, log: Path, *, ready: bool = True
) -> AsyncIterator[Service]:
    """Run `python -m <module>` until the end of the block; unless told otherwise it is ready when the block begins."""
    words = [sys.executable, "-m", module]
    async with command(words, INHERITED | dict(environment), port, log, ready=ready) as running:
        yield running


@asynccontextmanager
async def command(  # noqa: PLR0913  # one argument a fact of a process
    words: Sequence[str],
    environment: Mapping[str, str],
    port: int,
    log: Path,
    *,
    folder: Path | None = None,
    ready: bool = True,
) -> AsyncIterator[Service]:
    """Run what serves on a port until the end of the block, in just this environment."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *words,
            env={**environment, "HOST": "127.0.0.1", "PORT": str(port)},
            cwd=folder,
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
        )
    running = Service(process, f"http://127.0.0.1:{port}")
    try:
        if ready:
            await _until_ready(running, log)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_ready(running: Service, log: Path) -> None:
    last = "no answer"
    try:
        async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as http:
            while (last := await _missing(http, running.url)) != "":
                assert running.process.returncode is None, _told(log)
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not ready: {last}\n{_told(log)}") from None


async def _missing(http: aiohttp.ClientSession, url: str) -> str:
    """Say what keeps a service from being ready; nothing when it is."""
    try:
        async with http.get(f"{url}/ready") as response:
            return "" if response.ok else await response.text()
    except aiohttp.ClientError as error:
        return type(error).__name__


def _told(log: Path) -> str:
    return log.read_text(encoding="utf-8")
