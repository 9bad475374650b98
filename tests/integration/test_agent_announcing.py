"""The worker's heartbeat, and what it tells of agents that have died, on a real database."""

import asyncio
from datetime import datetime

import pytest

from parley_agent.announcing import Announcer
from parley_common import broker
from parley_common.broker import CONFIRM_TIMEOUT_SECONDS
from parley_common.calls import Call
from parley_common.db import Calls, Database
from parley_common.db.workers import AgentWorkers
from parley_common.lifecycle import CallStatus
from parley_common.relay import Relay
from parley_common.settings import CallTimes, RabbitSettings
from parley_common.worker import running
from tests import factories
from tests.fakes.relay import FakeRelay
from tests.support.customer import until
from tests.support.stored import store

WORKER, AGENT = "worker_1", "agent_1"


class Holder:
    """A worker whose agents live as a test says."""

    worker_id, slots = WORKER, 5

    def __init__(self, *alive: str) -> None:
        self.alive = set(alive)

    def agents(self) -> set[str]:
        return self.alive


async def held(calls: Calls) -> Call:
    call = factories.call(status=CallStatus.IN_PROGRESS, agent_identity=AGENT, worker_id=WORKER)
    await store(calls, call)
    return call


@pytest.mark.parametrize("alive", [{AGENT}, set()], ids=["lives", "died before anybody looked"])
async def test_agent_has_its_call_for_as_long_as_it_lives(database: Database, alive: set[str]) -> None:
    calls, workers = Calls(database), AgentWorkers(database)
    call = await held(calls)
    announcer = Announcer(Holder(*alive), workers, calls, FakeRelay(), CallTimes())
    await announcer.withdraw()
    after = await calls.get(call.call_id)
    assert (after.agent_identity, after.takeovers) == ((AGENT, 0) if alive else (None, 1))


async def test_worker_lives_on_and_its_dead_agent_is_told_of_while_rabbitmq_takes_nothing(
    database: Database, rabbit: RabbitSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, workers = Calls(database), AgentWorkers(database)
    call = await held(calls)
    silent = broker.publisher(rabbit, "agent")
    monkeypatch.setattr(silent, "publish", lambda *_, **__: asyncio.Event().wait())
    worker = Holder(AGENT)
    announcer = Announcer(worker, workers, calls, Relay(calls, silent), CallTimes())

    async def seen_at() -> datetime | None:
        return next((known.seen_at for known in await workers.all()), None)

    async def is_vacant() -> bool:
        return (await calls.get(call.call_id)).agent_identity is None

    async with running([announcer.announce_forever()]):
        await until(seen_at)
        worker.alive = set()
        await until(is_vacant)
        before = await seen_at()

        async def beats() -> bool:
            return await seen_at() != before

        await until(beats, CONFIRM_TIMEOUT_SECONDS / 2)
