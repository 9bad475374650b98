"""From the end of a call to a customer's 200, through whatever the customer answers first."""

import asyncio
from datetime import timedelta

import pytest
import trustme
from standardwebhooks import Webhook

from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.deliveries import DeliveryStatus
from parley_common.endpoints import Notice
from parley_common.errors import SecretUnreadable
from parley_common.recordings import Recording, RecordingStatus
from parley_webhooks.schedule import DELAYS
from tests import factories
from tests.fakes.endpoint import Endpoint, endpoint
from tests.support.certificates import certified
from tests.support.mailroom import Mailroom, claim_one, end_call_endpoint


async def test_report_of_an_ended_call_arrives_signed(mailroom: Mailroom, customer: Endpoint) -> None:
    call, ended = await mailroom.end(customer.url)
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    Webhook(await mailroom.secrets.of(call.owner_id)).verify(posted.body, posted.headers)
    assert posted.headers["webhook-id"] == ended.event_id
    assert posted.json["data"]["call_id"] == call.call_id
    assert (await mailroom.owed(call)).status is DeliveryStatus.DELIVERED


async def test_call_without_url_owes_nothing(mailroom: Mailroom) -> None:
    await mailroom.end(None)
    assert await claim_one(mailroom.deliveries) is None


async def test_redelivered_event_owes_no_second_report(mailroom: Mailroom, customer: Endpoint) -> None:
    _, ended = await mailroom.end(customer.url)
    await mailroom.fanout.owe_report(ended)
    await mailroom.deliver_now()
    assert await claim_one(mailroom.deliveries) is None


async def test_every_attempt_sends_the_same_bytes_under_the_same_id(mailroom: Mailroom, customer: Endpoint) -> None:
    customer.statuses = [500]
    call, _ = await mailroom.end(customer.url)
    await mailroom.deliver_now()
    await mailroom.note_recording(call, Recording(status=RecordingStatus.READY, path="https://bucket.test/other.ogg"))
    await mailroom.make_due(call)
    await mailroom.deliver_now()
    first, second = await customer.received(2)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    owed = await mailroom.owed(call)
    assert owed.status is DeliveryStatus.DELIVERED
    assert [attempt.status_code for attempt in owed.attempts] == [500, 200]


async def test_refused_report_is_tried_again_on_schedule(mailroom: Mailroom, customer: Endpoint) -> None:
    customer.statuses, customer.answer = [503], b"maintenance"
    call, _ = await mailroom.end(customer.url)
    before = now()
    await mailroom.deliver_now()
    owed = await mailroom.owed(call)
    assert owed.status is DeliveryStatus.PENDING
    assert owed.next_attempt_at - before >= DELAYS[0] * 0.8
    assert owed.attempts[0].excerpt == "maintenance"


async def test_retry_after_is_honoured(mailroom: Mailroom, customer: Endpoint) -> None:
    customer.statuses, customer.headers = [429], {"Retry-After": "600"}
    call, _ = await mailroom.end(customer.url)
    before = now()
    await mailroom.deliver_now()
    assert (await mailroom.owed(call)).next_attempt_at - before >= timedelta(seconds=600)


async def test_unreachable_endpoint_is_an_attempt_with_an_error(mailroom: Mailroom) -> None:
    call, _ = await mailroom.end("http://127.0.0.1:9/")
    await mailroom.deliver_now()
    owed = await mailroom.owed(call)
    assert owed.status is DeliveryStatus.PENDING
    assert (owed.attempts[0].status_code, owed.attempts[0].error) == (None, "unreachable")


async def test_endpoint_whose_certificate_nobody_vouches_for_is_tried_again(mailroom: Mailroom) -> None:
    async with endpoint(certified(trustme.CA(), "127.0.0.1")) as impostor:
        call, _ = await mailroom.end(impostor.url)
        before = now()
        await mailroom.deliver_now()
        owed = await mailroom.owed(call)
    assert impostor.posted == []
    assert (owed.status, owed.attempts[0].error) == (DeliveryStatus.PENDING, "unreachable")
    assert owed.next_attempt_at > before


async def test_endpoint_that_is_gone_is_not_called_again(mailroom: Mailroom, customer: Endpoint) -> None:
    customer.statuses = [410]
    call, _ = await mailroom.end(customer.url)
    await mailroom.deliver_now()
    owed = await mailroom.owed(call)
    assert owed.status is DeliveryStatus.FAILED
    assert mailroom.notes.endpoints == [(Notice.DISABLED, end_call_endpoint(call))]


async def test_delivery_fails_after_the_last_pause_and_its_owner_is_told(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    customer.statuses = [500] * (len(DELAYS) + 1)
    call, _ = await mailroom.end(customer.url)
    for _ in range(len(DELAYS) + 1):
        assert mailroom.notes.failed == []
        await mailroom.make_due(call)
        await mailroom.deliver_now()
    owed = await mailroom.owed(call)
    assert owed.status is DeliveryStatus.FAILED
    assert len(owed.attempts) == len(DELAYS) + 1
    assert mailroom.notes.failed == [owed.delivery_id]


async def test_secret_that_does_not_open_leaves_the_delivery_pending(
    mailroom: Mailroom, database: Database, customer: Endpoint
) -> None:
    call, _ = await mailroom.end(customer.url)
    await database.get_collection("signing_secrets").insert_one({"_id": call.owner_id, "sealed": "broken"})
    with pytest.raises(SecretUnreadable):
        await mailroom.deliver_now()
    owed = await mailroom.owed(call)
    assert (owed.status, owed.attempts, customer.posted) == (DeliveryStatus.PENDING, [], [])


async def test_owner_keeps_one_secret_whoever_asks_first(mailroom: Mailroom) -> None:
    owner = factories.call().owner_id
    secrets = await asyncio.gather(*(mailroom.secrets.of(owner) for _ in range(5)))
    assert len(set(secrets)) == 1
    assert secrets[0].startswith("whsec_")
