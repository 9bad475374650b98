"""Tells the dialer how many calls this worker can hold, and which of its agents have died."""

import asyncio
from collections.abc import Collection
from typing import Protocol

import structlog

from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.workers import AgentWorkers
from parley_common.errors import Transient
from parley_common.ids import CallId
from parley_common.relay import Relay
from parley_common.settings import CallTimes

log = structlog.get_logger()

INTERVAL_SECONDS = 0.5


class Jobs(Protocol):
    """What is told of a worker."""

    worker_id: str

    @property
    def slots(self) -> int:
        """How many conversations it holds at most."""

    def agents(self) -> Collection[str]:
        """The identities of those that live in it."""


class Announcer:
    """The worker's heartbeat. LiveKit learns of a dead agent after about 20 seconds; this process knows at once."""

    def __init__(self, worker: Jobs, workers: AgentWorkers, calls: Calls, relay: Relay, times: CallTimes) -> None:
        self._worker = worker
        self._workers = workers
        self._calls = calls
        self._relay = relay
        self._times = times

    async def announce_forever(self) -> None:
        while True:
            try:
                await self._workers.announce(self._worker.worker_id, self._worker.slots)
                await self._notice_the_dead()
            except Transient as error:
                log.warning("worker not announced", error=type(error).__name__)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def withdraw(self) -> None:
        """The worker has stopped: it offers no slots, and the calls that it could not finish need another agent."""
        await self._notice_the_dead()
        await self._workers.withdraw(self._worker.worker_id)

    async def _notice_the_dead(self) -> None:
        """An agent that is gone while its call still counts on it has died, however short it lived.

        The calls are asked for first: an agent that takes its place meanwhile would be missed among the living.
        """
        ours = await self._calls.of_worker(self._worker.worker_id)
        alive = self._worker.agents()
        for call in ours:
            if call.agent_identity is not None and call.agent_identity not in alive:
                await self._vacate(call.call_id, call.agent_identity)

    async def _vacate(self, call_id: CallId, identity: str) -> None:
        vacant = await self._calls.vacate(call_id, identity, now() + self._times.takeover_timeout)
        if vacant is not None:
            log.warning("agent is gone, its call is not over", call_id=call_id, status=vacant.status)
            self._relay.flush_soon(call_id)  # RabbitMQ may be away, and the heartbeat must not stand still
