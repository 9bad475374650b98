"""Nothing about a deleted call leaves any more, but that it was deleted."""

import asyncio
import json
from datetime import timedelta

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db.journal import BEGINNING
from parley_common.events import CallAnswered, CallDeleted, RecordingReady, TranscriptChunk
from tests import factories
from tests.fakes.endpoint import Endpoint
from tests.support.archive import deletion
from tests.support.mailroom import Mailroom, claim_one
from tests.support.studio import Studio


async def erase(mailroom: Mailroom, call: Call) -> None:
    await mailroom.calls.note(call.call_id, deletion=deletion())
    await Studio(mailroom.database).eraser.erase(call.call_id)


async def test_report_that_waits_for_another_attempt_is_withdrawn(mailroom: Mailroom, customer: Endpoint) -> None:
    customer.statuses = [500]
    call, _ = await mailroom.end(customer.url)
    await mailroom.deliver_now()
    await erase(mailroom, call)
    await mailroom.make_due(call)
    assert await claim_one(mailroom.deliveries) is None
    assert await claim_one(mailroom.deliveries, suspect=True) is None


async def test_answer_to_a_post_that_was_under_way_leaves_nothing_behind(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    customer.gate.clear()
    call, _ = await mailroom.end(customer.url)
    posting = asyncio.create_task(mailroom.deliver_now())
    await customer.received()
    await erase(mailroom, call)
    customer.gate.set()
    await posting
    assert await mailroom.deliveries.count_about(call.call_id) == 0


async def test_events_that_come_late_are_owed_to_nobody(mailroom: Mailroom, customer: Endpoint) -> None:
    endpoint = await mailroom.listen(customer.url)
    call, ended = await mailroom.end(customer.url)
    await erase(mailroom, call)
    await mailroom.fanout.tell(CallAnswered.of(call, answered_at=now() - timedelta(minutes=1)))
    await mailroom.fanout.owe_report(ended)
    await mailroom.fanout.complete_report(RecordingReady.of(call, path="p", size_bytes=1, duration_seconds=1.0))
    assert await mailroom.owed_to(endpoint.endpoint_id) == []


async def test_events_that_come_late_are_passed_on_to_no_integrator(mailroom: Mailroom) -> None:
    call, ended = await mailroom.end(None)
    mailroom.passed.events.clear()
    await erase(mailroom, call)
    await mailroom.fanout.tell(CallAnswered.of(call, answered_at=now() - timedelta(minutes=1)))
    await mailroom.fanout.owe_report(ended)
    assert mailroom.passed.events == []


async def test_words_that_come_late_stand_in_no_journal(mailroom: Mailroom) -> None:
    call, _ = await mailroom.end(None)
    await erase(mailroom, call)
    await mailroom.scribe.note(TranscriptChunk.of(call, **factories.utterance().model_dump()))
    (entry,) = await mailroom.journal.after(call.owner_id, BEGINNING)
    assert json.loads(entry.body) == {"success": True, "message": "Deleted", "data": None}


async def test_deletion_itself_is_told_with_ids_alone(mailroom: Mailroom, customer: Endpoint) -> None:
    await mailroom.listen(customer.url, "call.deleted")
    call, _ = await mailroom.end(None)
    await erase(mailroom, call)
    await mailroom.fanout.tell(CallDeleted.of(await mailroom.calls.get(call.call_id)))
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    assert posted.json["type"] == "call.deleted"
    assert posted.json["data"].keys() == {"call_id", "seq", "room_name"}


async def test_recording_of_a_deleted_call_is_not_awaited(mailroom: Mailroom) -> None:
    call, _ = await mailroom.end(None)
    await erase(mailroom, call)
    stub = await mailroom.calls.get(call.call_id)
    assert (stub.answered_at is not None, stub.awaits_recording) == (True, False)
