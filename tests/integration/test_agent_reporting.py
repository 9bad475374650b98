"""What an agent tells the rest of Parley, on a real database and broker."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import aio_pika
import pytest
from faststream.rabbit import RabbitBroker

from parley_agent.reporting import Ending, Reporter
from parley_common import broker, topology
from parley_common.broker import CONFIRM_TIMEOUT_SECONDS
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.db.transcripts import Transcripts
from parley_common.events import AgentReady, TranscriptChunk
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.relay import Relay
from parley_common.settings import CallTimes, RabbitSettings
from parley_common.worker import publishing_to, running
from tests import factories
from tests.fakes.relay import FakeRelay
from tests.support.stored import store

type Report = Callable[[Call], Reporter]


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database)


@pytest.fixture
def reporter_of(calls: Calls, database: Database, rabbit: RabbitSettings) -> Report:
    """Make the reporter of an agent that was sent for when the call stood like this."""
    return lambda call: Reporter(
        call, calls, Transcripts(database), FakeRelay(), broker.publisher(rabbit, "agent"), CallTimes()
    )


@pytest.fixture
def silent(rabbit: RabbitSettings, monkeypatch: pytest.MonkeyPatch) -> RabbitBroker:
    """A broker that confirms nothing."""
    publishes = broker.publisher(rabbit, "agent")
    monkeypatch.setattr(publishes, "publish", lambda *_, **__: asyncio.Event().wait())
    return publishes


async def stored(calls: Calls, status: CallStatus, **facts: object) -> Call:
    call = factories.call(status=status, attempts=[factories.attempt()], **facts)
    await store(calls, call)
    return call


async def test_agent_that_is_ready_before_its_broker_connection_keeps_the_call_and_says_so(
    calls: Calls, database: Database, rabbit: RabbitSettings
) -> None:
    publishes = broker.publisher(rabbit, "agent")
    call = await stored(calls, CallStatus.STARTING)
    reporter = Reporter(call, calls, Transcripts(database), Relay(calls, publishes), publishes, CallTimes())
    assert await reporter.ready("agent_1", "worker_1")
    async with publishing_to(publishes):
        await reporter.settle()
        assert await _heard(str(rabbit.rabbitmq_url)) == call.call_id


async def test_second_agent_does_not_take_a_place_that_is_taken(calls: Calls, reporter_of: Report) -> None:
    call = await stored(calls, CallStatus.STARTING)
    assert await reporter_of(call).ready("agent_1", "worker_1")
    assert not await reporter_of(call).ready("agent_2", "worker_1")
    assert (await calls.get(call.call_id)).agent_identity == "agent_1"


@pytest.mark.parametrize("status", [CallStatus.CANCELED, CallStatus.QUEUED, CallStatus.SCHEDULED])
async def test_agent_does_not_take_a_call_that_needs_none(
    calls: Calls, reporter_of: Report, status: CallStatus
) -> None:
    call = await stored(calls, status)
    assert not await reporter_of(call).ready("agent_1", "worker_1")
    assert (await calls.get(call.call_id)).version == call.version


async def test_agent_that_comes_while_the_phone_rings_does_not_shorten_the_ringing(
    calls: Calls, reporter_of: Report
) -> None:
    rings_until = now() + timedelta(minutes=2)
    call = await stored(calls, CallStatus.DIALING, deadline_at=rings_until, vacant_at=now())
    assert await reporter_of(call).ready("agent_2", "worker_1")
    held = await calls.get(call.call_id)
    assert (held.deadline_at, held.vacant_at) == (rings_until, None)


async def test_agent_takes_a_call_that_was_answered_while_it_came(calls: Calls, reporter_of: Report) -> None:
    call = await stored(calls, CallStatus.DIALING)
    await calls.advance(call.call_id, CallStatus.IN_PROGRESS)
    assert await reporter_of(call).ready("agent_2", "worker_1")
    assert (await calls.get(call.call_id)).deadline_at > now()


async def test_agent_whose_place_was_given_to_another_neither_ends_the_call_nor_its_room(
    calls: Calls, reporter_of: Report
) -> None:
    call = await stored(calls, CallStatus.IN_PROGRESS)
    first, second = reporter_of(call), reporter_of(call)
    assert await first.ready("agent_1", "worker_1")
    await calls.vacate(call.call_id, "agent_1", now())
    assert await second.ready("agent_2", "worker_2")
    await first.ended(Ending(EndReason.ROOM_LOST, now(), []))
    assert not await first.is_over()
    await second.ended(Ending(EndReason.CALLEE_HANGUP, now(), []))
    assert (await calls.get(call.call_id)).status is CallStatus.COMPLETED


async def test_agent_of_a_call_that_has_ended_meanwhile_learns_that_it_is_over(
    calls: Calls, reporter_of: Report
) -> None:
    call = await stored(calls, CallStatus.IN_PROGRESS)
    reporter = reporter_of(call)
    assert await reporter.ready("agent_1", "worker_1")
    await calls.advance(call.call_id, CallStatus.FAILED, end_reason=EndReason.ROOM_LOST, ended_at=now())
    await reporter.ended(Ending(EndReason.CALLEE_HANGUP, now(), []))
    assert await reporter.is_over()
    assert (await calls.get(call.call_id)).end_reason is EndReason.ROOM_LOST


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (EndReason.CALLEE_HANGUP, CallStatus.COMPLETED),
        (EndReason.AGENT_HANGUP, CallStatus.COMPLETED),
        (EndReason.MAX_DURATION, CallStatus.COMPLETED),
        (EndReason.SILENCE, CallStatus.COMPLETED),
        (EndReason.VOICEMAIL, CallStatus.COMPLETED),
        (EndReason.TRANSFERRED, CallStatus.COMPLETED),
        (EndReason.PROVIDER_FAILED, CallStatus.FAILED),
        (EndReason.ROOM_LOST, CallStatus.FAILED),
        (EndReason.INTERNAL_ERROR, CallStatus.FAILED),
    ],
)
async def test_conversation_ends_as_its_agent_says(
    calls: Calls, reporter_of: Report, reason: EndReason, status: CallStatus
) -> None:
    call = await stored(calls, CallStatus.IN_PROGRESS)
    reporter = reporter_of(call)
    assert await reporter.ready("agent_1", "worker_1")
    said = [factories.utterance()]
    moment = now()
    await reporter.ended(Ending(reason, moment, said, answered_by="human"))
    ended = await calls.get(call.call_id)
    assert (ended.status, ended.end_reason, ended.transcript) == (status, reason, said)
    assert (ended.ended_at, ended.answered_by) == (moment, "human")


async def test_words_of_a_lost_agent_that_were_stored_late_are_reported_in_their_place(
    calls: Calls, database: Database, reporter_of: Report
) -> None:
    moment = now()
    first, late, last = (
        factories.utterance(item_id=f"item_{second}", spoken_at=moment + timedelta(seconds=second))
        for second in range(3)
    )
    call = await stored(calls, CallStatus.IN_PROGRESS, takeovers=1)
    reporter = reporter_of(call)
    assert await reporter.ready("agent_2", "worker_1")
    for spoken in (first, late):
        await Transcripts(database).store(TranscriptChunk.of(call, **spoken.model_dump()))
    await reporter.ended(Ending(EndReason.CALLEE_HANGUP, now(), [first, last]))
    assert (await calls.get(call.call_id)).transcript == [first, late, last]


async def test_agent_that_cannot_talk_has_the_place_and_lets_no_phone_ring(
    calls: Calls, database: Database, reporter_of: Report
) -> None:
    call = await stored(calls, CallStatus.STARTING)
    assert await reporter_of(call).ready("agent_1", "worker_1", able=False)
    assert (await calls.get(call.call_id)).agent_identity == "agent_1"
    document = await database.get_collection("calls").find_one({"_id": call.call_id})
    assert document is not None
    assert [event["type"] for event in document["outbox"]] == ["call.requested.v1"]


async def test_call_whose_voice_nobody_has_set_up_ends_at_once(calls: Calls, reporter_of: Report) -> None:
    call = await stored(calls, CallStatus.STARTING)
    await reporter_of(call).unable("agent_1", "worker_1", [])
    ended = await calls.get(call.call_id)
    assert (ended.status, ended.end_reason) == (CallStatus.FAILED, EndReason.PROVIDER_FAILED)


async def test_agent_of_a_dispatch_that_was_given_up_does_not_take_the_place_of_the_next(
    calls: Calls, reporter_of: Report
) -> None:
    call = await stored(calls, CallStatus.STARTING)
    late = reporter_of(call)
    await calls.note(call.call_id, dispatches=call.dispatches + 1)
    assert not await late.ready("agent_1", "worker_1")


async def test_hang_up_of_which_rabbitmq_could_not_tell_is_seen_by_the_agent(
    calls: Calls, database: Database, rabbit: RabbitSettings
) -> None:
    call = await stored(calls, CallStatus.IN_PROGRESS)
    often = CallTimes(agent_lease=timedelta(seconds=1))
    reporter = Reporter(call, calls, Transcripts(database), FakeRelay(), broker.publisher(rabbit, "agent"), often)
    assert await reporter.ready("agent_1", "worker_1")
    await calls.note(call.call_id, cancel_requested_at=now())
    told = asyncio.Queue[EndReason]()
    async with running([reporter.renew_forever(told.put_nowait, _unexpected)]):
        assert await told.get() is EndReason.API_HANGUP


async def test_agent_whose_place_was_given_to_another_steps_aside(
    calls: Calls, database: Database, rabbit: RabbitSettings
) -> None:
    call = await stored(calls, CallStatus.IN_PROGRESS)
    often = CallTimes(agent_lease=timedelta(seconds=1))
    reporter = Reporter(call, calls, Transcripts(database), FakeRelay(), broker.publisher(rabbit, "agent"), often)
    assert await reporter.ready("agent_1", "worker_1")
    stepped_aside = asyncio.Event()
    async with running([reporter.renew_forever(_unexpected, stepped_aside.set)]), asyncio.timeout(10):
        await asyncio.sleep(0.5)
        assert not stepped_aside.is_set()
        await calls.vacate(call.call_id, "agent_1", now())
        await stepped_aside.wait()


async def test_call_that_rings_and_is_answered_while_rabbitmq_takes_nothing_ends_without_waiting_for_it(
    calls: Calls, database: Database, silent: RabbitBroker
) -> None:
    call = await stored(calls, CallStatus.STARTING)
    reporter = Reporter(call, calls, Transcripts(database), Relay(calls, silent), silent, CallTimes())
    assert await reporter.ready("agent_1", "worker_1")
    await calls.advance(call.call_id, CallStatus.DIALING)
    reporter.ringing()
    reporter.answered(now(), _unexpected)
    async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
        await reporter.ended(Ending(EndReason.CALLEE_HANGUP, now(), []))
    ended = await calls.get(call.call_id)
    assert (ended.status, ended.answered_at is not None) == (CallStatus.COMPLETED, True)
    await _leave(reporter)


async def test_end_does_not_wait_for_words_that_rabbitmq_does_not_take(
    calls: Calls, database: Database, silent: RabbitBroker
) -> None:
    call = await stored(calls, CallStatus.IN_PROGRESS)
    reporter = Reporter(call, calls, Transcripts(database), FakeRelay(), silent, CallTimes())
    assert await reporter.ready("agent_1", "worker_1")
    reporter.said(factories.utterance())
    await reporter.ended(Ending(EndReason.CALLEE_HANGUP, now(), []))
    assert (await calls.get(call.call_id)).status is CallStatus.COMPLETED
    await _leave(reporter)


async def _leave(reporter: Reporter) -> None:
    """End what waits for RabbitMQ."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await reporter.settle()


def _unexpected(*_: object) -> None:
    pytest.fail("nobody else has the call, and nobody ends it")


async def _heard(rabbitmq_url: str) -> str | None:
    async with await aio_pika.connect(rabbitmq_url) as connection, asyncio.timeout(5):
        channel = await connection.channel()
        queue = await channel.get_queue(topology.queue_name("dialer", AgentReady))
        async with queue.iterator() as messages:
            async for message in messages:
                await message.ack()
                return message.correlation_id
    pytest.fail("nothing was heard")
