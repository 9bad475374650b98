"""Claiming: how long it takes to admit one call out of a trunk's line, however many wait in it.

And how many calls of a long line go before the one call of another owner that comes after them.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

from bench.results import Result, of_times
from bench.world import mongo_of
from parley_common import broker
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls, Database, connect
from parley_common.db.indexes import create_indexes
from parley_common.db.mongo import to_document
from parley_common.db.workers import AdmissionLock, AgentWorkers
from parley_common.ids import OwnerId, TrunkId
from parley_common.lifecycle import CallStatus
from parley_common.relay import Relay
from parley_common.settings import RabbitSettings
from parley_dialer import livekit_telephony
from parley_dialer.admitting import Admission
from parley_dialer.presence import Presence
from parley_dialer.services import Services, assemble
from parley_dialer.settings import DialerSettings
from parley_local.world import World
from tests import factories
from tests.support.livekit_settings import livekit_of

BACKLOGS = (10, 1_000, 100_000)
ROUNDS = 60
ARRIVALS_A_SECOND = 200
AT_ONCE = 1_000
FLAT = 1.25
CROWD = 10_000
MOST_BEFORE = 2
BUSY, OTHER = (TrunkId("ST_busy"), OwnerId("own_busy")), (TrunkId("ST_other"), OwnerId("own_other"))


class Line:
    """A database of its own with one agent slot, and calls that wait for it."""

    def __init__(self, database: Database, services: Services) -> None:
        self._database = database
        self._services = services
        self._workers = AgentWorkers(database)
        self._admission = Admission(services, Presence(self._workers), AdmissionLock(database))
        self.seconds: list[float] = []

    async def fill(self, calls: int) -> None:
        """Let so many calls wait on the busy trunk, as if they had come one after another until now."""
        await create_indexes(self._database)
        began = now() - timedelta(seconds=calls / ARRIVALS_A_SECOND)
        for start in range(0, calls, AT_ONCE):
            turns = range(start, min(start + AT_ONCE, calls))
            waiting = [_call(*BUSY, began + timedelta(seconds=turn / ARRIVALS_A_SECOND)) for turn in turns]
            documents = [to_document(call, "call_id") for call in waiting]
            await self._database.get_collection("calls").insert_many(documents)
        await self._services.lines.wake(*BUSY, began)

    async def arrive(self, trunk_id: TrunkId, owner_id: OwnerId) -> Call:
        """Let one more call come."""
        call = _call(trunk_id, owner_id, now())
        await self._database.get_collection("calls").insert_one(to_document(call, "call_id"))
        await self._services.lines.wake(trunk_id, owner_id, call.due_at)
        return call

    async def admit(self) -> Call:
        """Give the one free slot to a call, and free it again."""
        await self._workers.announce("bench", 1)
        began = time.perf_counter()
        (call,) = await self._admission.admit(lambda _: None)
        self.seconds.append(time.perf_counter() - began)
        await self._services.calls.advance(call.call_id, CallStatus.CANCELED)
        return call


async def measure(world: World) -> list[Result]:
    """Admit calls out of lines of different lengths in turn."""
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(_line(world, backlog)) for backlog in BACKLOGS]
        for _ in range(ROUNDS):
            for line in lines:
                await line.admit()
                await line.arrive(*BUSY)
        short, middle, long = (line.seconds for line in lines)
        before = await _before_the_other(await stack.enter_async_context(_line(world, CROWD)))
    fair = Result(
        f"claim: another owner's call behind {CROWD:,}", f"{before} go first", "", None, f"<= {MOST_BEFORE}",
        before <= MOST_BEFORE,
    )  # fmt: skip
    return [
        of_times(f"claim out of {BACKLOGS[1]:,}, against out of {BACKLOGS[0]}", middle, short, at_most=FLAT),
        of_times(f"claim out of {BACKLOGS[2]:,}, against out of {BACKLOGS[0]}", long, short, at_most=FLAT),
        fair,
    ]


async def _before_the_other(crowd: Line) -> int:
    """Return how many calls of the crowd are admitted before the one that comes after them."""
    await crowd.admit()
    other = await crowd.arrive(*OTHER)
    before = 0
    while (await crowd.admit()).call_id != other.call_id:
        before += 1
    return before


@asynccontextmanager
async def _line(world: World, backlog: int) -> AsyncIterator[Line]:
    """Wire the dialer's admission as its process does."""
    rabbit = RabbitSettings.model_validate({"rabbitmq_url": world.environment()["RABBITMQ_URL"]})
    name = f"bench_{backlog}"
    async with (
        connect(mongo_of(world, name)) as database,
        livekit_telephony.connect(livekit_of(world)) as telephony,
    ):
        await database.client.drop_database(name)
        relay = Relay(Calls(database), broker.publisher(rabbit, "bench"))
        line = Line(database, assemble(DialerSettings(), database, relay, telephony))
        await line.fill(backlog)
        yield line
        await database.client.drop_database(name)


def _call(trunk_id: TrunkId, owner_id: OwnerId, due_at: datetime) -> Call:
    return factories.call(trunk_id=trunk_id, owner_id=owner_id, queued_at=due_at, due_at=due_at)
