"""Carries out faults on a running world."""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import httpx

from parley_local.parts import HOST
from parley_local.world import World, WorldNotReady
from tests.faults.schedule import NO_CALL, Done, Fault, Schedule


class Breaker:
    """Breaks one thing after the other, and keeps what it did."""

    def __init__(self, world: World, receiver: str, faults: Schedule, seed: int) -> None:
        self.done: list[Done] = []
        self._world = world
        self._receiver = receiver
        self._secret: str | None = None
        self._faults = faults
        self._chance = random.Random(seed)
        self._ways: Mapping[str, Callable[[Fault], Awaitable[str | None]]] = {
            "kill": self._kill,
            "restart": self._restart,
            "stop": self._stop,
            "hang": self._hang,
            "kill agent job": self._kill_a_job,
            "refuse reports": self._refuse_reports,
            "no node": self._take_away_sip,
            "lose answers": self._lose_answers_of_sip,
        }
        """Each returns the id of the call that it struck, when it was a single one."""

    async def break_until(self, over: asyncio.Event, secret: str) -> None:
        """Break things until the campaign is over; then everything is whole again."""
        self._secret = secret
        await self._break(over)
        await over.wait()
        for name in self._world.parts:
            await asyncio.to_thread(self._revive, name)

    async def _break(self, over: asyncio.Event) -> None:
        for pause, fault in self._faults:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await over.wait()
            if over.is_set():
                return
            began = datetime.now(UTC)
            call_id = await self._ways[fault.kind](fault)
            self.done.append(Done(fault, began, datetime.now(UTC), call_id))

    async def _kill(self, fault: Fault) -> None:
        for name in fault.targets:
            await asyncio.to_thread(self._world.kill, name)

    async def _restart(self, fault: Fault) -> None:
        for name in fault.targets:
            await asyncio.to_thread(self._world.stop, name)
            await asyncio.to_thread(self._revive, name)

    async def _stop(self, fault: Fault) -> None:
        for name in fault.targets:
            await asyncio.to_thread(self._world.stop, name)
        await asyncio.sleep(fault.seconds)
        for name in fault.targets:
            await asyncio.to_thread(self._revive, name)

    async def _hang(self, fault: Fault) -> None:
        """Let them keep their connections and answer nothing."""
        for name in fault.targets:
            await asyncio.to_thread(self._world.kill, name, signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        for name in fault.targets:
            await asyncio.to_thread(self._world.kill, name, signal.SIGCONT)

    async def _kill_a_job(self, _fault: Fault) -> str:
        """Kill one process that holds a conversation; one that has ended meanwhile is no loss, and no excuse."""
        told = (line for line in self._world.log("agent").splitlines() if "agent holds the call" in line)
        jobs = [json.loads(line) for line in told][-4:]
        if not jobs:
            return NO_CALL
        job = self._chance.choice(jobs)
        try:
            os.kill(job["process_id"], signal.SIGKILL)
        except ProcessLookupError:
            return NO_CALL
        return str(job["call_id"])

    async def _refuse_reports(self, fault: Fault) -> None:
        path = f"/receiver/{self._receiver}/behaviour"
        async with self._sandbox() as sandbox:
            await sandbox.put(path, json={"status": 503, "secret": self._secret})
            await asyncio.sleep(fault.seconds)
            await sandbox.put(path, json={"status": 200, "secret": self._secret})

    async def _take_away_sip(self, fault: Fault) -> None:
        await self._disturb_sip("no_node", fault.seconds)

    async def _lose_answers_of_sip(self, fault: Fault) -> None:
        await self._disturb_sip("answer_lost", fault.seconds)

    async def _disturb_sip(self, kind: str, seconds: float) -> None:
        async with self._sandbox() as sandbox:
            await sandbox.put("/sip/fault", json={"kind": kind})
            await asyncio.sleep(seconds)
            await sandbox.delete("/sip/fault")

    def _revive(self, name: str) -> None:
        with suppress(WorldNotReady):
            self._world.start(name)

    @asynccontextmanager
    async def _sandbox(self) -> AsyncIterator[httpx.AsyncClient]:
        url = f"http://{HOST}:{self._world.ports.sandbox_port}"
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as http:
            yield http
