"""What RabbitMQ delivers to dialers twice, to several at once, or again after a broken connection: one INVITE."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from faststream.rabbit import RabbitBroker
from pydantic import AmqpDsn

from parley_common import broker
from parley_common.broker import publish_event
from parley_common.calls import Attempt, Call
from parley_common.db import Database
from parley_common.events import AgentReady, CallRequested, Event
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.settings import RabbitSettings
from parley_common.worker import running
from parley_dialer.handlers import router
from parley_dialer.starting import Starter
from parley_dialer.telephony import DialOutcome, PhoneState, Refused, RoomView
from tests.fakes.telephony import FakeRoom, FakeTelephony
from tests.support.cable import Cable, cable
from tests.support.customer import until
from tests.support.desk import Desk, reached

TIMES, DIALERS = 5, 3


@asynccontextmanager
async def at_work(desk: Desk, rabbit: RabbitSettings, publishes: RabbitBroker) -> AsyncIterator[RabbitBroker]:
    """Let a dialer hear and admit, as its process does."""
    starter = Starter(desk.admission, desk.dialer, 0.2)
    context = {
        "dialer": desk.dialer,
        "lines": desk.lines,
        "reconciler": desk.reconciler,
        "replacement": desk.replacement,
        "starter": starter,
    }
    consumes = broker.consumer(rabbit, "dialer", publishes, context)
    consumes.include_router(router(desk.services.settings))
    async with running([starter.start_forever()]):
        await consumes.start()
        try:
            yield consumes
        finally:
            await consumes.stop()


@asynccontextmanager
async def wired(desk: Desk, rabbit: RabbitSettings, publishes: RabbitBroker, port: int) -> AsyncIterator[Cable]:
    """Let a dialer hear and admit over a wire of its own."""
    server_port = rabbit.rabbitmq_url.port
    assert server_port is not None
    url = AmqpDsn(str(rabbit.rabbitmq_url).replace(f":{server_port}/", f":{port}/"))
    async with cable(port, server_port) as wire:
        await wire.plug()
        async with at_work(desk, RabbitSettings(rabbitmq_url=url), publishes):
            yield wire
            await wire.plug()


async def tell(publishes: RabbitBroker, event: Event) -> None:
    """Publish one event several times at once, under one id."""
    await asyncio.gather(*(publish_event(publishes, event.model_dump(mode="json")) for _ in range(TIMES)))


async def stands(desk: Desk, call: Call, status: CallStatus) -> None:
    async def so() -> bool:
        return (await desk.now(call)).status is status

    await until(so)


def phones_of(desk: Desk, call: Call) -> list[PhoneState]:
    room = desk.telephony.rooms.get(call.room_name)
    return list(room.phones.values()) if room else []


class HesitantTelephony(FakeTelephony):
    """Its phone rings until it is declined; tells when somebody looks at the room."""

    def __init__(self) -> None:
        super().__init__()
        self.declined = asyncio.Event()
        self.looked_at = asyncio.Event()

    async def dial(self, call: Call, attempt: Attempt) -> DialOutcome:
        self.invites.append(attempt.attempt_id)
        room = self.rooms.setdefault(call.room_name, FakeRoom())
        room.phones[attempt.attempt_id] = PhoneState.RINGING
        await self.declined.wait()
        del room.phones[attempt.attempt_id]
        return Refused(EndReason.DECLINED, 603)

    async def look(self, room_name: str, attempt: Attempt | None) -> RoomView:
        self.looked_at.set()
        return await super().look(room_name, attempt)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_events_that_come_five_times_to_three_dialers_start_one_call_and_ring_once(
    desk: Desk, rabbit: RabbitSettings, publishes: RabbitBroker
) -> None:
    await desk.workers.announce("worker_1", 10)
    call = await desk.store()
    async with AsyncExitStack() as stack:
        for each in (desk, *(desk.rival() for _ in range(DIALERS - 1))):
            await stack.enter_async_context(at_work(each, rabbit, publishes))
        await tell(publishes, CallRequested.of(call))
        await stands(desk, call, CallStatus.STARTING)
        ready = await desk.calls.note(call.call_id, agent_identity="agent_1", worker_id="worker_1")
        assert ready is not None
        await tell(publishes, AgentReady.of(ready))
        await stands(desk, call, CallStatus.IN_PROGRESS)
    assert len(desk.telephony.invites) == 1
    settled = await desk.now(call)
    assert (settled.dispatches, len(settled.attempts)) == (1, 1)
    assert (await desk.events(call.call_id)).count("call.answered.v1") == 1


async def test_connection_that_breaks_while_a_phone_rings_rings_it_no_second_time(
    desk: Desk, rabbit: RabbitSettings, publishes: RabbitBroker, unused_tcp_port: int
) -> None:
    call = await desk.ready("0408")
    async with wired(desk, rabbit, publishes, unused_tcp_port) as wire:
        await publish_event(publishes, AgentReady.of(call).model_dump(mode="json"))
        await reached(lambda: PhoneState.RINGING in phones_of(desk, call))
        async with at_work(desk.rival(), rabbit, publishes):
            await wire.cut()
            desk.show(await desk.now(call), PhoneState.ACTIVE)
            await stands(desk, call, CallStatus.IN_PROGRESS)
        await desk.telephony.close_room(call.room_name)
    assert len(desk.telephony.invites) == 1


async def test_phone_that_is_declined_after_the_connection_broke_is_reported_as_declined(
    database: Database, rabbit: RabbitSettings, publishes: RabbitBroker, unused_tcp_port: int
) -> None:
    telephony = HesitantTelephony()
    desk = Desk(database, telephony)
    call = await desk.ready()
    async with wired(desk, rabbit, publishes, unused_tcp_port) as wire:
        await publish_event(publishes, AgentReady.of(call).model_dump(mode="json"))
        await reached(lambda: PhoneState.RINGING in phones_of(desk, call))
        async with at_work(desk.rival(), rabbit, publishes):
            await wire.cut()
            await telephony.looked_at.wait()
            telephony.declined.set()
            await stands(desk, call, CallStatus.DECLINED)
    settled = await desk.now(call)
    assert (settled.end_reason, settled.attempts[-1].sip_status_code) == (EndReason.DECLINED, 603)
    assert len(telephony.invites) == 1
