"""Carries out faults on a running world."""

import asyncio
import json
import os
import random
import signal
from contextlib import suppress

import httpx

from parley_local.parts import HOST
from parley_local.world import World, WorldNotReady
from tests.faults.schedule import Fault, Schedule


class Breaker:
    """Breaks one thing after the other, and counts what it did."""

    def __init__(self, world: World, receiver: str, faults: Schedule, seed: int) -> None:
        self.done: list[str] = []
        self._world = world
        self._receiver = f"http://{HOST}:{world.ports.sandbox_port}/receiver/{receiver}/behaviour"
        self._secret: str | None = None
        self._faults = faults
        self._chance = random.Random(seed)

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
            await self._carry_out(fault)
            self.done.append(str(fault))

    async def _carry_out(self, fault: Fault) -> None:
        match fault.kind:
            case "kill":
                for name in fault.targets:
                    await asyncio.to_thread(self._world.kill, name)
            case "restart":
                for name in fault.targets:
                    await asyncio.to_thread(self._world.stop, name)
                    await asyncio.to_thread(self._revive, name)
            case "stop":
                for name in fault.targets:
                    await asyncio.to_thread(self._world.stop, name)
                await asyncio.sleep(fault.seconds)
                for name in fault.targets:
                    await asyncio.to_thread(self._revive, name)
            case "kill agent job":
                self._kill_a_job()
            case "refuse reports":
                await self._answer_reports_with(503)
                await asyncio.sleep(fault.seconds)
                await self._answer_reports_with(200)

    def _revive(self, name: str) -> None:
        with suppress(WorldNotReady):
            self._world.start(name)

    def _kill_a_job(self) -> None:
        """Kill one process that holds a conversation; one that has ended meanwhile is no loss."""
        told = (line for line in self._world.log("agent").splitlines() if "agent holds the call" in line)
        jobs = [json.loads(line)["process_id"] for line in told][-4:]
        if jobs:
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(jobs), signal.SIGKILL)

    async def _answer_reports_with(self, status: int) -> None:
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            await http.put(self._receiver, json={"status": status, "secret": self._secret})
