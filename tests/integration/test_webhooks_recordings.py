"""A report waits for its recording a bounded time; a recording that is late follows in an event of its own."""

from datetime import timedelta

import pytest

from parley_common.clock import now
from parley_common.errors import TooEarly
from parley_common.events import RecordingFailed, RecordingReady
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.recordings import Recording, RecordingStatus
from tests.fakes.endpoint import Endpoint
from tests.support.mailroom import Mailroom, claim_one


async def test_report_waits_a_bounded_time_for_its_recording(mailroom: Mailroom, customer: Endpoint) -> None:
    call, ended = await mailroom.end(customer.url, recording=Recording(status=RecordingStatus.RECORDING))
    assert (await mailroom.owed(call)).next_attempt_at == ended.occurred_at + timedelta(seconds=10)
    assert await claim_one(mailroom.deliveries) is None


async def test_report_of_a_call_whose_agent_died_waits_as_long_for_its_last_words(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    earlier = now() - timedelta(minutes=1)
    call, ended = await mailroom.end(
        customer.url, status=CallStatus.COMPLETED, end_reason=EndReason.CALLEE_HANGUP, takeovers=1, ended_at=earlier
    )
    due = ended.occurred_at + timedelta(seconds=10)
    assert (await mailroom.owed(call)).next_attempt_at == due
    await mailroom.fanout.complete_report(RecordingFailed.of(call, error="any"))
    assert (await mailroom.owed(call)).next_attempt_at == due


async def test_unanswered_call_is_reported_without_waiting(mailroom: Mailroom, customer: Endpoint) -> None:
    await mailroom.end(
        customer.url,
        status=CallStatus.BUSY,
        end_reason=EndReason.BUSY,
        answered_at=None,
        recording=Recording(status=RecordingStatus.RECORDING),
    )
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    assert posted.json["data"]["recording_path"] is None


@pytest.mark.parametrize("decided", [RecordingStatus.READY, RecordingStatus.FAILED])
async def test_decided_recording_sends_the_waiting_report_at_once(
    mailroom: Mailroom, customer: Endpoint, decided: RecordingStatus
) -> None:
    call, _ = await mailroom.end(customer.url, recording=Recording(status=RecordingStatus.RECORDING))
    noted = await mailroom.note_recording(call, Recording(status=decided))
    await mailroom.fanout.complete_report(RecordingFailed.of(noted, error="any"))
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    assert posted.json["data"]["recording_status"] == decided
    assert await claim_one(mailroom.deliveries) is None


async def test_late_recording_follows_in_an_event_of_its_own(mailroom: Mailroom, customer: Endpoint) -> None:
    call, ended = await mailroom.end(customer.url, recording=Recording(status=RecordingStatus.PROCESSING))
    await mailroom.make_due(call)
    await mailroom.deliver_now()
    path = "https://bucket.test/call.ogg"
    noted = await mailroom.note_recording(call, Recording(status=RecordingStatus.READY, path=path))
    ready = RecordingReady.of(noted, path=path, size_bytes=1, duration_seconds=1.0)
    await mailroom.fanout.complete_report(ready)
    await mailroom.fanout.complete_report(ready)
    await mailroom.deliver_now()
    report, late = await customer.received(2)
    assert report.json["data"]["recording_status"] == "processing"
    assert late.json["type"] == "recording.ready"
    assert late.json["data"]["recording_path"] == path
    assert (report.headers["webhook-id"], late.headers["webhook-id"]) == (ended.event_id, ready.event_id)
    assert await claim_one(mailroom.deliveries) is None


async def test_recording_decided_while_the_report_is_written_comes_again_later(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    call, _ = await mailroom.end(customer.url, recording=Recording(status=RecordingStatus.PROCESSING))
    await mailroom.make_due(call)
    assert await claim_one(mailroom.deliveries) is not None
    with pytest.raises(TooEarly):
        await mailroom.fanout.complete_report(RecordingFailed.of(call, error="any"))


async def test_recording_that_was_reported_adds_nothing(mailroom: Mailroom, customer: Endpoint) -> None:
    call, _ = await mailroom.end(customer.url)
    await mailroom.deliver_now()
    await mailroom.fanout.complete_report(RecordingFailed.of(call, error="any"))
    assert await claim_one(mailroom.deliveries) is None
