"""From the end of a call to a customer's 200, through whatever the customer answers first."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from parley_common.calls import Call, Recording, RecordingStatus
from parley_common.clock import now
from parley_common.crypto import SecretBox
from parley_common.db import Calls, Database
from parley_common.db.deliveries import LEASE, Deliveries, Delivery, DeliveryStatus
from parley_common.db.signing_secrets import SigningSecrets
from parley_common.errors import SecretUnreadable, TooEarly
from parley_common.events import CallEnded, CallRequested, RecordingFailed, RecordingReady
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.worker import running
from parley_webhooks import http_sender
from parley_webhooks.delivering import Courier
from parley_webhooks.dispatching import Dispatcher
from parley_webhooks.fanout import Fanout
from parley_webhooks.schedule import DELAYS
from tests import factories
from tests.fakes.endpoint import Endpoint, endpoint

BOX = SecretBox(SecretStr(base64.b64encode(b"k" * 32).decode()))


class Notes:
    """Notices that are kept."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    async def delivery_failed(self, delivery: Delivery) -> None:
        self.failed.append(delivery.delivery_id)


class Desk:
    """The webhooks service without a broker: what happened is told to it directly."""

    def __init__(self, database: Database, sender: http_sender.HttpSender, parallel_per_endpoint: int = 10) -> None:
        self.database = database
        self.calls = Calls(database)
        self.deliveries = Deliveries(database)
        self.secrets = SigningSecrets(database, BOX)
        self.notes = Notes()
        self.courier = Courier(self.deliveries, self.calls, self.secrets, sender, self.notes)
        self.dispatcher = Dispatcher(
            self.deliveries, self.courier, parallel=20, parallel_per_endpoint=parallel_per_endpoint
        )
        self.fanout = Fanout(self.calls, self.deliveries, self.dispatcher.wake, timedelta(seconds=10))

    async def end(self, url: str | None, **overrides: Any) -> tuple[Call, CallEnded]:
        """Have a call end and its report owed."""
        fields: dict[str, Any] = {
            "assistant": factories.assistant(end_call_url=url),
            "status": CallStatus.COMPLETED,
            "end_reason": EndReason.CALLEE_HANGUP,
            "answered_at": now() - timedelta(seconds=30),
            "ended_at": now(),
            "recording": Recording(status=RecordingStatus.READY, path="https://bucket.test/call.ogg"),
        }
        call = factories.call(**fields | overrides)
        await self.calls.insert(call, CallRequested)
        ended = CallEnded.of(call)
        await self.fanout.owe_report(ended)
        return call, ended

    async def deliver_now(self) -> None:
        claimed = await self.deliveries.claim_due()
        assert claimed is not None
        await self.courier.deliver(claimed)

    async def make_due(self, call: Call) -> None:
        await self.database.get_collection("webhook_deliveries").update_many(
            {"call_id": call.call_id}, {"$set": {"next_attempt_at": now()}}
        )

    async def owed(self, call: Call) -> Delivery:
        found = await self.deliveries.report_of(call.call_id)
        assert found is not None
        return found

    async def note_recording(self, call: Call, recording: Recording) -> Call:
        noted = await self.calls.note(call.call_id, derived=lambda _: {"recording": recording})
        assert noted is not None
        return noted


@asynccontextmanager
async def opened(database: Database, **options: Any) -> AsyncIterator[Desk]:
    async with http_sender.connect([ip_network("127.0.0.0/8")], parallel=20, total_timeout=5) as sender:
        yield Desk(database, sender, **options)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def customer() -> AsyncIterator[Endpoint]:
    async with endpoint() as served:
        yield served


async def test_report_of_an_ended_call_arrives_signed(desk: Desk, customer: Endpoint) -> None:
    call, ended = await desk.end(customer.url)
    await desk.deliver_now()
    (posted,) = await customer.received()
    Webhook(await desk.secrets.of_owner(call.owner_id)).verify(posted.body, posted.headers)
    assert posted.headers["webhook-id"] == ended.event_id
    assert posted.json["data"]["call_id"] == call.call_id
    assert (await desk.owed(call)).status is DeliveryStatus.DELIVERED


async def test_call_without_url_owes_nothing(desk: Desk) -> None:
    await desk.end(None)
    assert await desk.deliveries.claim_due() is None


async def test_redelivered_event_owes_no_second_report(desk: Desk, customer: Endpoint) -> None:
    _, ended = await desk.end(customer.url)
    await desk.fanout.owe_report(ended)
    await desk.deliver_now()
    assert await desk.deliveries.claim_due() is None


async def test_every_attempt_sends_the_same_bytes_under_the_same_id(desk: Desk, customer: Endpoint) -> None:
    customer.statuses = [500]
    call, _ = await desk.end(customer.url)
    await desk.deliver_now()
    await desk.note_recording(call, Recording(status=RecordingStatus.READY, path="https://bucket.test/other.ogg"))
    await desk.make_due(call)
    await desk.deliver_now()
    first, second = await customer.received(2)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    owed = await desk.owed(call)
    assert owed.status is DeliveryStatus.DELIVERED
    assert [attempt.status_code for attempt in owed.attempts] == [500, 200]


async def test_refused_report_is_tried_again_on_schedule(desk: Desk, customer: Endpoint) -> None:
    customer.statuses, customer.answer = [503], b"maintenance"
    call, _ = await desk.end(customer.url)
    before = now()
    await desk.deliver_now()
    owed = await desk.owed(call)
    assert owed.status is DeliveryStatus.PENDING
    assert owed.next_attempt_at - before >= DELAYS[0] * 0.8
    assert owed.attempts[0].excerpt == "maintenance"


async def test_retry_after_is_honoured(desk: Desk, customer: Endpoint) -> None:
    customer.statuses, customer.headers = [429], {"Retry-After": "600"}
    call, _ = await desk.end(customer.url)
    before = now()
    await desk.deliver_now()
    assert (await desk.owed(call)).next_attempt_at - before >= timedelta(seconds=600)


async def test_unreachable_endpoint_is_an_attempt_with_an_error(desk: Desk) -> None:
    call, _ = await desk.end("http://127.0.0.1:9/")
    await desk.deliver_now()
    owed = await desk.owed(call)
    assert owed.status is DeliveryStatus.PENDING
    assert (owed.attempts[0].status_code, owed.attempts[0].error) == (None, "unreachable")


async def test_endpoint_that_is_gone_is_not_called_again(desk: Desk, customer: Endpoint) -> None:
    customer.statuses = [410]
    call, _ = await desk.end(customer.url)
    await desk.deliver_now()
    owed = await desk.owed(call)
    assert owed.status is DeliveryStatus.FAILED
    assert desk.notes.failed == [owed.delivery_id]


async def test_delivery_fails_after_the_last_pause_and_its_owner_is_told(desk: Desk, customer: Endpoint) -> None:
    customer.statuses = [500] * (len(DELAYS) + 1)
    call, _ = await desk.end(customer.url)
    for _ in range(len(DELAYS) + 1):
        assert desk.notes.failed == []
        await desk.make_due(call)
        await desk.deliver_now()
    owed = await desk.owed(call)
    assert owed.status is DeliveryStatus.FAILED
    assert len(owed.attempts) == len(DELAYS) + 1
    assert desk.notes.failed == [owed.delivery_id]


async def test_report_waits_a_bounded_time_for_its_recording(desk: Desk, customer: Endpoint) -> None:
    call, ended = await desk.end(customer.url, recording=Recording(status=RecordingStatus.RECORDING))
    assert (await desk.owed(call)).next_attempt_at == ended.ended_at + timedelta(seconds=10)
    assert await desk.deliveries.claim_due() is None


async def test_unanswered_call_is_reported_without_waiting(desk: Desk, customer: Endpoint) -> None:
    await desk.end(
        customer.url,
        status=CallStatus.BUSY,
        end_reason=EndReason.BUSY,
        answered_at=None,
        recording=Recording(status=RecordingStatus.RECORDING),
    )
    await desk.deliver_now()
    (posted,) = await customer.received()
    assert posted.json["data"]["recording_path"] is None


@pytest.mark.parametrize("decided", [RecordingStatus.READY, RecordingStatus.FAILED])
async def test_decided_recording_sends_the_waiting_report_at_once(
    desk: Desk, customer: Endpoint, decided: RecordingStatus
) -> None:
    call, _ = await desk.end(customer.url, recording=Recording(status=RecordingStatus.RECORDING))
    noted = await desk.note_recording(call, Recording(status=decided))
    await desk.fanout.complete_report(RecordingFailed.of(noted, error="any"))
    await desk.deliver_now()
    (posted,) = await customer.received()
    assert posted.json["data"]["recording_status"] == decided
    assert await desk.deliveries.claim_due() is None


async def test_late_recording_follows_in_an_event_of_its_own(desk: Desk, customer: Endpoint) -> None:
    call, ended = await desk.end(customer.url, recording=Recording(status=RecordingStatus.PROCESSING))
    await desk.make_due(call)
    await desk.deliver_now()
    path = "https://bucket.test/call.ogg"
    noted = await desk.note_recording(call, Recording(status=RecordingStatus.READY, path=path))
    ready = RecordingReady.of(noted, path=path, size_bytes=1, duration_seconds=1.0)
    await desk.fanout.complete_report(ready)
    await desk.fanout.complete_report(ready)
    await desk.deliver_now()
    report, late = await customer.received(2)
    assert report.json["data"]["recording_status"] == "processing"
    assert late.json["type"] == "recording.ready"
    assert late.json["data"]["recording_path"] == path
    assert (report.headers["webhook-id"], late.headers["webhook-id"]) == (ended.event_id, ready.event_id)
    assert await desk.deliveries.claim_due() is None


async def test_recording_decided_while_the_report_is_written_comes_again_later(desk: Desk, customer: Endpoint) -> None:
    call, _ = await desk.end(customer.url, recording=Recording(status=RecordingStatus.PROCESSING))
    await desk.make_due(call)
    assert await desk.deliveries.claim_due() is not None
    with pytest.raises(TooEarly):
        await desk.fanout.complete_report(RecordingFailed.of(call, error="any"))


async def test_recording_that_was_reported_adds_nothing(desk: Desk, customer: Endpoint) -> None:
    call, _ = await desk.end(customer.url)
    await desk.deliver_now()
    await desk.fanout.complete_report(RecordingFailed.of(call, error="any"))
    assert await desk.deliveries.claim_due() is None


async def test_dispatcher_delivers_new_work_at_once(desk: Desk, customer: Endpoint) -> None:
    async with running([desk.dispatcher.dispatch_forever()]):
        await desk.end(customer.url)
        await customer.received()


async def test_dispatcher_delivers_again_when_the_time_has_come(desk: Desk, customer: Endpoint) -> None:
    customer.statuses = [500]
    async with running([desk.dispatcher.dispatch_forever()]):
        call, _ = await desk.end(customer.url)
        await customer.received(1)
        await desk.make_due(call)
        await customer.received(2)


async def test_slow_endpoint_delays_nobody(database: Database, customer: Endpoint) -> None:
    async with opened(database, parallel_per_endpoint=2) as desk, endpoint() as other:
        customer.gate.clear()
        async with running([desk.dispatcher.dispatch_forever()]):
            for _ in range(30):
                await desk.end(customer.url)
            await customer.received(2)
            assistant = factories.assistant(assistant_id="asst_other", end_call_url=other.url)
            await desk.end(other.url, assistant=assistant)
            await other.received()
            assert len(customer.posted) == 2
            customer.gate.set()
            await customer.received(30)


async def test_delivery_of_a_replica_that_died_between_claim_and_answer_goes_out_again(
    desk: Desk, customer: Endpoint
) -> None:
    customer.gate.clear()
    await desk.end(customer.url)
    claimed = await desk.deliveries.claim_due()
    assert claimed is not None
    dying = asyncio.create_task(desk.courier.deliver(claimed))
    await customer.received(1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    customer.gate.set()
    await desk.database.get_collection("webhook_deliveries").update_one(
        {"_id": claimed.delivery_id}, {"$set": {"lease_until": now() - LEASE}}
    )
    async with running([desk.dispatcher.dispatch_forever()]):
        first, second = await customer.received(2)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_answer_that_comes_while_the_service_stops_is_kept(desk: Desk, customer: Endpoint) -> None:
    customer.gate.clear()
    call, _ = await desk.end(customer.url)
    async with running([desk.dispatcher.dispatch_forever()]):
        await customer.received(1)
        asyncio.get_running_loop().call_later(0.05, customer.gate.set)
    assert (await desk.owed(call)).status is DeliveryStatus.DELIVERED


async def test_secret_that_does_not_open_leaves_the_delivery_pending(
    desk: Desk, database: Database, customer: Endpoint
) -> None:
    call, _ = await desk.end(customer.url)
    await database.get_collection("signing_secrets").insert_one({"_id": call.owner_id, "sealed": "broken"})
    with pytest.raises(SecretUnreadable):
        await desk.deliver_now()
    owed = await desk.owed(call)
    assert (owed.status, owed.attempts, customer.posted) == (DeliveryStatus.PENDING, [], [])


async def test_owner_keeps_one_secret_whoever_asks_first(desk: Desk) -> None:
    owner = factories.call().owner_id
    secrets = await asyncio.gather(*(desk.secrets.of_owner(owner) for _ in range(5)))
    assert len(set(secrets)) == 1
    assert secrets[0].startswith("whsec_")
