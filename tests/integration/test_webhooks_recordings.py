"""A report waits for its recording a bounded time; a recording that is late follows in an event of its own."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from parley_common.calls import Recording, RecordingStatus
from parley_common.db import Database
from parley_common.errors import TooEarly
from parley_common.events import RecordingFailed, RecordingReady
from parley_common.lifecycle import CallStatus, EndReason
from tests.fakes.endpoint import Endpoint, endpoint
from tests.support.mailroom import Mailroom, opened


@pytest.fixture
async def room(database: Database) -> AsyncIterator[Mailroom]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def customer() -> AsyncIterator[Endpoint]:
    async with endpoint() as served:
        yield served


async def test_report_waits_a_bounded_time_for_its_recording(room: Mailroom, customer: Endpoint) -> None:
    call, ended = await room.end(customer.url, recording=Recording(status=RecordingStatus.RECORDING))
    assert (await room.owed(call)).next_attempt_at == ended.ended_at + timedelta(seconds=10)
    assert await room.deliveries.claim_due() is None


async def test_unanswered_call_is_reported_without_waiting(room: Mailroom, customer: Endpoint) -> None:
    await room.end(
        customer.url,
        status=CallStatus.BUSY,
        end_reason=EndReason.BUSY,
        answered_at=None,
        recording=Recording(status=RecordingStatus.RECORDING),
    )
    await room.deliver_now()
    (posted,) = await customer.received()
    assert posted.json["data"]["recording_path"] is None


@pytest.mark.parametrize("decided", [RecordingStatus.READY, RecordingStatus.FAILED])
async def test_decided_recording_sends_the_waiting_report_at_once(
    room: Mailroom, customer: Endpoint, decided: RecordingStatus
) -> None:
    call, _ = await room.end(customer.url, recording=Recording(status=RecordingStatus.RECORDING))
    noted = await room.note_recording(call, Recording(status=decided))
    await room.fanout.complete_report(RecordingFailed.of(noted, error="any"))
    await room.deliver_now()
    (posted,) = await customer.received()
    assert posted.json["data"]["recording_status"] == decided
    assert await room.deliveries.claim_due() is None


async def test_late_recording_follows_in_an_event_of_its_own(room: Mailroom, customer: Endpoint) -> None:
    call, ended = await room.end(customer.url, recording=Recording(status=RecordingStatus.PROCESSING))
    await room.make_due(call)
    await room.deliver_now()
    path = "https://bucket.test/call.ogg"
    noted = await room.note_recording(call, Recording(status=RecordingStatus.READY, path=path))
    ready = RecordingReady.of(noted, path=path, size_bytes=1, duration_seconds=1.0)
    await room.fanout.complete_report(ready)
    await room.fanout.complete_report(ready)
    await room.deliver_now()
    report, late = await customer.received(2)
    assert report.json["data"]["recording_status"] == "processing"
    assert late.json["type"] == "recording.ready"
    assert late.json["data"]["recording_path"] == path
    assert (report.headers["webhook-id"], late.headers["webhook-id"]) == (ended.event_id, ready.event_id)
    assert await room.deliveries.claim_due() is None


async def test_recording_decided_while_the_report_is_written_comes_again_later(
    room: Mailroom, customer: Endpoint
) -> None:
    call, _ = await room.end(customer.url, recording=Recording(status=RecordingStatus.PROCESSING))
    await room.make_due(call)
    assert await room.deliveries.claim_due() is not None
    with pytest.raises(TooEarly):
        await room.fanout.complete_report(RecordingFailed.of(call, error="any"))


async def test_recording_that_was_reported_adds_nothing(room: Mailroom, customer: Endpoint) -> None:
    call, _ = await room.end(customer.url)
    await room.deliver_now()
    await room.fanout.complete_report(RecordingFailed.of(call, error="any"))
    assert await room.deliveries.claim_due() is None
