"""Endpoints get every event that they have asked for, and nobody else's."""

import asyncio
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from parley_common.clock import now
from parley_common.db.deliveries import Delivery, DeliveryStatus
from parley_common.endpoints import EVENT_TYPES, DisabledReason
from parley_common.events import CallAnswered, CallEnded, CallRequested, CallRinging, RecordingReady, TranscriptChunk
from parley_common.ids import OwnerId, example_event_id
from parley_common.recordings import Recording, RecordingStatus
from tests import factories
from tests.fakes.endpoint import Endpoint, Posted
from tests.support.mailroom import Mailroom


def genuine(posted: Posted, secret: str) -> bool:
    try:
        Webhook(secret).verify(posted.body, posted.headers)
    except WebhookVerificationError:
        return False
    return True


async def test_endpoint_gets_what_happens_during_a_call_signed_with_its_own_secret(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    listener = await mailroom.listen(customer.url)
    call = factories.call()
    chunk = TranscriptChunk.of(call, event_id="evt_chunk", **factories.utterance(text="Hello John.").model_dump())
    for event in (CallRequested.of(call), CallRinging.of(call, event_id="evt_ringing"), chunk):
        await mailroom.fanout.tell(event)
        await mailroom.deliver_now()
    posted = await customer.received(3)
    assert [one.json["type"] for one in posted] == ["call.requested", "call.ringing", "transcript.chunk"]
    assert posted[2].json["data"]["text"] == "Hello John."
    assert posted[2].json["data"]["call_id"] == call.call_id
    Webhook(await mailroom.secrets.of(listener.endpoint_id)).verify(posted[2].body, posted[2].headers)


async def test_events_of_a_call_do_not_name_the_account(mailroom: Mailroom, customer: Endpoint) -> None:
    await mailroom.listen(customer.url)
    call = factories.call()
    await mailroom.fanout.tell(CallRinging.of(call))
    await mailroom.deliver_now()
    assert call.owner_id.encode() not in (await customer.received())[0].body


async def test_endpoint_gets_only_the_types_that_it_asked_for(mailroom: Mailroom, customer: Endpoint) -> None:
    listener = await mailroom.listen(customer.url, "call.answered", "call.ended")
    call = factories.call()
    await mailroom.fanout.tell(CallRinging.of(call))
    await mailroom.fanout.tell(CallAnswered.of(call, answered_at=call.queued_at))
    assert [owed.event_type for owed in await mailroom.owed_to(listener.endpoint_id)] == ["call.answered"]


async def test_event_is_owed_to_an_endpoint_once_however_often_it_comes(mailroom: Mailroom, customer: Endpoint) -> None:
    listener = await mailroom.listen(customer.url)
    event = CallRinging.of(factories.call())
    await asyncio.gather(*(mailroom.fanout.tell(event) for _ in range(5)))
    assert len(await mailroom.owed_to(listener.endpoint_id)) == 1


async def test_another_owners_endpoint_gets_nothing(mailroom: Mailroom, customer: Endpoint) -> None:
    listener = await mailroom.listen(customer.url)
    await mailroom.fanout.tell(CallRinging.of(factories.call(owner_id=OwnerId("own_other"))))
    assert await mailroom.owed_to(listener.endpoint_id) == []


async def test_report_goes_to_the_end_call_url_and_to_endpoints(mailroom: Mailroom, customer: Endpoint) -> None:
    first, second = await mailroom.listen(customer.url), await mailroom.listen(customer.url, "call.ended")
    call, ended = await mailroom.end(customer.url)
    for _ in range(3):
        await mailroom.deliver_now()
    posted = await customer.received(3)
    assert {one.body for one in posted} == {posted[0].body}
    assert {one.headers["webhook-id"] for one in posted} == {ended.event_id}
    holders = {call.owner_id, first.endpoint_id, second.endpoint_id}
    secrets = {await mailroom.secrets.of(holder) for holder in holders}
    assert {secret for one in posted for secret in secrets if genuine(one, secret)} == secrets
    assert len(secrets) == len(holders)


async def test_recording_that_was_in_time_is_an_event_for_endpoints_and_none_for_the_end_call_url(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    listener = await mailroom.listen(customer.url, "recording.ready")
    call, _ = await mailroom.end(customer.url)
    await mailroom.deliver_now()
    ready = RecordingReady.of(call, path="https://bucket.test/call.ogg", size_bytes=1, duration_seconds=1.0)
    await mailroom.fanout.complete_report(ready)
    assert [owed.event_type for owed in await mailroom.owed_to(listener.endpoint_id)] == ["recording.ready"]
    assert [owed.event_type for owed in await mailroom.owed_to(call.assistant_id)] == ["call.ended"]


async def test_decided_recording_sends_every_waiting_report_at_once(mailroom: Mailroom, customer: Endpoint) -> None:
    await mailroom.listen(customer.url, "call.ended")
    call, _ = await mailroom.end(customer.url, recording=Recording(status=RecordingStatus.RECORDING))
    noted = await mailroom.note_recording(call, Recording(status=RecordingStatus.READY))
    await mailroom.fanout.complete_report(
        RecordingReady.of(noted, path="https://bucket.test/call.ogg", size_bytes=1, duration_seconds=1.0)
    )
    await mailroom.deliver_now()
    await mailroom.deliver_now()
    posted = await customer.received(2)
    assert {one.json["data"]["recording_status"] for one in posted} == {"ready"}


async def test_decided_recording_sends_no_report_to_an_endpoint_that_rests(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    listener = await mailroom.listen(customer.url, "call.ended")
    call, _ = await mailroom.end(None, recording=Recording(status=RecordingStatus.RECORDING))
    await mailroom.healths.note_failure(listener.endpoint_id, listener.owner_id, now())
    later = now() + timedelta(minutes=10)
    await mailroom.healths.rest(listener.endpoint_id, later)
    noted = await mailroom.note_recording(call, Recording(status=RecordingStatus.READY))
    await mailroom.fanout.complete_report(
        RecordingReady.of(noted, path="https://bucket.test/call.ogg", size_bytes=1, duration_seconds=1.0)
    )
    (report,) = await mailroom.owed_to(listener.endpoint_id)
    assert report.next_attempt_at == later


async def test_what_an_endpoint_misses_while_it_is_off_is_kept_for_later(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    listener = await mailroom.listen(customer.url)
    await mailroom.healths.disable(listener.endpoint_id, listener.owner_id, DisabledReason.OWNER)
    await mailroom.fanout.tell(CallRinging.of(factories.call()))
    (missed,) = await mailroom.owed_to(listener.endpoint_id)
    assert (missed.status, missed.attempts) == (DeliveryStatus.FAILED, [])


async def test_redelivered_end_adds_only_endpoints_that_came_meanwhile(mailroom: Mailroom, customer: Endpoint) -> None:
    call, ended = await mailroom.end(customer.url)
    listener = await mailroom.listen(customer.url)
    await mailroom.fanout.owe_report(CallEnded.model_validate(ended))
    assert len(await mailroom.owed_to(call.assistant_id)) == 1
    assert len(await mailroom.owed_to(listener.endpoint_id)) == 1


@pytest.mark.parametrize("event_type", EVENT_TYPES)
async def test_example_of_every_event_is_posted_in_the_envelope_of_a_real_one(
    mailroom: Mailroom, customer: Endpoint, event_type: str
) -> None:
    listener = await mailroom.listen(customer.url)
    moment, event_id = now(), example_event_id()
    wanted = Delivery(
        delivery_id=f"{listener.endpoint_id}:{event_id}",
        endpoint_id=listener.endpoint_id,
        owner_id=listener.owner_id,
        call_id=None,
        event_id=event_id,
        event_type=event_type,
        url=customer.url,
        signed_by=listener.endpoint_id,
        occurred_at=moment,
        created_at=moment,
        next_attempt_at=moment,
    )
    await mailroom.deliveries.add([wanted])
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    assert list(posted.json) == ["success", "message", "type", "timestamp", "data"]
    assert posted.json["type"] == event_type
    assert posted.headers["webhook-id"] == event_id
