"""Deliveries: one replica against a bare httpx loop, what each further endpoint costs, and one live among the dead.

All run in one process with the receiver, on a database of their own, each delivery signed and its attempt written down,
without log lines.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import structlog
from aiohttp import web

from bench.results import Result, of_rates, p99, percentiles
from bench.world import mongo_of
from parley_common.clock import now
from parley_common.db import connect
from parley_common.db.indexes import create_indexes
from parley_common.events import CallAnswered, CallRinging
from parley_common.worker import running
from parley_local.parts import HOST
from parley_local.world import World
from tests import factories
from tests.support.mailroom import Mailroom, opened

ROUNDS = 5
DELIVERIES = 300
IN_FLIGHT = 10
RATE = 0.4
FAN_OUTS = (1, 10, 100)
FAN_ROUNDS = 20
DEAD = 1_000
OWED_TO_THE_DEAD = 3
LIVE_SECONDS = 20.0
"""Longer than the five seconds after which a POST to a dead endpoint is given up here, so that many of them are."""

NOT_SLOWER = 1.5
PARALLEL = 100
DATABASE = "bench_deliveries"


class Receiver:
    """Answers 204 on every path but /dead, which never answers."""

    def __init__(self) -> None:
        self.url = ""
        self._arrived = asyncio.Condition()
        self.count = 0

    async def until(self, count: int) -> None:
        async with asyncio.timeout(120), self._arrived:
            await self._arrived.wait_for(lambda: self.count >= count)

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        if request.path == "/dead":
            await asyncio.sleep(3600)
        async with self._arrived:
            self.count += 1
            self._arrived.notify_all()
        return web.Response(status=204)


async def measure(world: World) -> list[Result]:
    with _quiet():
        return await _measured(world)


async def _measured(world: World) -> list[Result]:
    async with _receiver() as receiver, _mailroom(world) as mailroom:
        return [
            await _rate(receiver, mailroom),
            *[await _fan_out(receiver, mailroom, endpoints) for endpoints in FAN_OUTS],
            await _among_the_dead(receiver, mailroom),
        ]


async def _rate(receiver: Receiver, mailroom: Mailroom) -> Result:
    """Post so many that are due, and as many by httpx with as many in flight."""
    await mailroom.listen(f"{receiver.url}/live")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        for _ in range(DELIVERIES):
            await mailroom.fanout.tell(_event())
        async with running([mailroom.dispatcher.dispatch_forever()]):
            ours.append(DELIVERIES / await _seconds_until(receiver, DELIVERIES))
        theirs.append(DELIVERIES / await _httpx_seconds(f"{receiver.url}/live"))
    await _forget(mailroom)
    return of_rates("deliver: one replica, against httpx", ours, theirs, at_least=RATE)


async def _httpx_seconds(url: str) -> float:
    body = b"x" * 600
    places = asyncio.Semaphore(IN_FLIGHT)

    async def post(http: httpx.AsyncClient) -> None:
        async with places:
            (await http.post(url, content=body)).raise_for_status()

    async with httpx.AsyncClient(trust_env=False) as http:
        began = time.perf_counter()
        await asyncio.gather(*(post(http) for _ in range(DELIVERIES)))
        return time.perf_counter() - began


async def _fan_out(receiver: Receiver, mailroom: Mailroom, endpoints: int) -> Result:
    """Tell one event to so many endpoints, until the last of them has it."""
    for _ in range(endpoints):
        await mailroom.listen(f"{receiver.url}/live")
    seconds = []
    async with running([mailroom.dispatcher.dispatch_forever()]):
        for _ in range(FAN_ROUNDS):
            waited = asyncio.create_task(_seconds_until(receiver, endpoints))
            await mailroom.fanout.tell(_event())
            seconds.append(await waited)
    await _forget(mailroom)
    return Result(f"deliver: one event to {endpoints} endpoints", percentiles(seconds))


async def _among_the_dead(receiver: Receiver, mailroom: Mailroom) -> Result:
    """Deliver to one endpoint alone, and beside a thousand that take every POST and never answer."""
    await mailroom.listen(f"{receiver.url}/live", "call.ringing")
    async with running([mailroom.dispatcher.dispatch_forever()]):
        alone = await _one_by_one(receiver, mailroom)
    for _ in range(DEAD):
        dead = await mailroom.listen(f"{receiver.url}/dead", "call.answered")
        await mailroom.healths.note_failure(dead.endpoint_id, dead.owner_id, now())
    for _ in range(OWED_TO_THE_DEAD):
        await mailroom.fanout.tell(CallAnswered.of(factories.call(), answered_at=now()))
    async with running([mailroom.dispatcher.dispatch_forever()]):
        beside = await _one_by_one(receiver, mailroom)
    ratio = p99(beside) / p99(alone)
    return Result(
        f"deliver: p99 beside {DEAD:,} that hang, against alone", percentiles(beside), percentiles(alone), ratio,
        f"<= {NOT_SLOWER}", ratio <= NOT_SLOWER,
    )  # fmt: skip


async def _one_by_one(receiver: Receiver, mailroom: Mailroom) -> list[float]:
    seconds = []
    end = time.perf_counter() + LIVE_SECONDS
    while time.perf_counter() < end:
        waited = asyncio.create_task(_seconds_until(receiver, 1))
        await mailroom.fanout.tell(_event())
        seconds.append(await waited)
    return seconds


async def _seconds_until(receiver: Receiver, more: int) -> float:
    began, wanted = time.perf_counter(), receiver.count + more
    await receiver.until(wanted)
    return time.perf_counter() - began


@contextmanager
def _quiet() -> Iterator[None]:
    """Write no log lines; the benchmarks that follow write theirs again."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)


def _event() -> CallRinging:
    return CallRinging.of(factories.call())


@asynccontextmanager
async def _receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0, backlog=1024).start()
    receiver.url = f"http://{HOST}:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _mailroom(world: World) -> AsyncIterator[Mailroom]:
    async with connect(mongo_of(world, DATABASE)) as database:
        await database.client.drop_database(DATABASE)
        await create_indexes(database)
        async with opened(database, parallel=PARALLEL) as mailroom:
            yield mailroom
        await database.client.drop_database(DATABASE)


async def _forget(mailroom: Mailroom) -> None:
    """Let there be neither endpoints nor anything owed."""
    for name in ("webhook_endpoints", "webhook_deliveries"):
        await mailroom.database.get_collection(name).delete_many({})
