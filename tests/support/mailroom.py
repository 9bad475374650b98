"""The webhooks service on a real database, without a broker: what happened is told to it directly."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from pydantic import SecretStr

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.crypto import SecretBox
from parley_common.db import Calls, Database
from parley_common.db.assistants import Assistants
from parley_common.db.deliveries import COLLECTION, Deliveries, Delivery, delivery_of
from parley_common.db.endpoint_health import EndpointHealths
from parley_common.db.endpoints import Endpoints
from parley_common.db.journal import Journal
from parley_common.db.retention import Retention
from parley_common.db.signing_secrets import SigningSecrets
from parley_common.endpoints import Endpoint, EndpointHealth, Notice
from parley_common.errors import PublishUnconfirmed
from parley_common.events import CallEnded, Event
from parley_common.ids import EndpointId, EventId, OwnerId, new_endpoint_id
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.recordings import Recording, RecordingStatus
from parley_common.s3 import RecordingLinks
from parley_common.settings import S3Settings
from parley_webhooks import http_sender
from parley_webhooks.bridge import Bridge
from parley_webhooks.delivering import Courier, Posted
from parley_webhooks.dispatching import Dispatcher
from parley_webhooks.fanout import Fanout
from parley_webhooks.journaling import Scribe
from parley_webhooks.owing import Owing
from parley_webhooks.recipients import Recipients
from parley_webhooks.reporting import Reporter
from parley_webhooks.signing import Signer
from parley_webhooks.telling import Teller
from parley_webhooks.watching import Watch
from tests import factories
from tests.support.stored import store

BUCKET = S3Settings(aws_access_key_id="key", aws_secret_access_key=SecretStr("secret"))
BOX = SecretBox(SecretStr(base64.b64encode(b"k" * 32).decode()))


class Notes:
    """Notices that are kept."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.endpoints: list[tuple[Notice, EndpointId]] = []
        self._told: set[EventId] = set()

    async def delivery_failed(self, delivery: Delivery) -> None:
        self.failed.append(delivery.delivery_id)

    async def endpoint(self, notice: Notice, event_id: EventId, _delivery: Delivery, health: EndpointHealth) -> None:
        if event_id not in self._told:
            self._told.add(event_id)
            self.endpoints.append((notice, health.endpoint_id))


class Passed:
    """A bridge that keeps what it was given; so many times as it is told, it fails before."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.failures = 0

    async def pass_on(self, event: Event, body: str) -> None:
        if self.failures:
            self.failures -= 1
            raise PublishUnconfirmed("no confirm in time")
        self.events.append((event.event_id, json.loads(body)))


async def claim_one(
    deliveries: Deliveries, excluding: Collection[EndpointId] = (), *, suspect: bool = False
) -> Delivery | None:
    """Claim the delivery that is most overdue, of any endpoint but those."""
    claimed = await deliveries.claim(await due_of_all(deliveries, 1, excluding, suspect=suspect))
    return claimed[0] if claimed else None


async def due_of_all(
    deliveries: Deliveries, limit: int, excluding: Collection[EndpointId] = (), *, suspect: bool = False
) -> list[Delivery]:
    """Return what may be claimed now, most overdue first, whoever is owed it."""
    return await deliveries.due(await deliveries.owners_due(suspect=suspect), limit, excluding, suspect=suspect)


def end_call_endpoint(call: Call) -> EndpointId:
    """Return the id under which an assistant's end-call URL is known."""
    return EndpointId(call.assistant_id)


class Mailroom:
    """The webhooks service without a broker: what happened is told to it directly."""

    def __init__(
        self,
        database: Database,
        sender: http_sender.HttpSender,
        bridge: Bridge | None,
        parallel: int,
        parallel_per_endpoint: int,
    ) -> None:
        self.database = database
        self.calls = Calls(database)
        self.deliveries = Deliveries(database)
        self.secrets = SigningSecrets(database, BOX)
        self.notes = Notes()
        self.passed = Passed()
        self.rung: list[OwnerId] = []
        self.endpoints, self.healths = Endpoints(database), EndpointHealths(database)
        self.assistants = Assistants(database)
        news = asyncio.Event()
        recipients = Recipients(self.endpoints, self.assistants)
        owing = Owing(recipients, self.healths, self.deliveries, Retention(database), news.set)
        self.journal = Journal(database)
        reporter = Reporter(RecordingLinks(BUCKET))
        self.scribe = Scribe(self.calls, self.journal, Retention(database), reporter, self.ring)
        teller = Teller(self.healths, owing, self.scribe, self.notes)
        watch = Watch(self.healths, self.deliveries, teller, self.notes)
        self.courier = Courier(self.deliveries, self.calls, Signer(self.secrets), reporter, sender, watch)
        self.dispatcher = Dispatcher(
            self.deliveries, watch, self.courier, news, parallel=parallel, parallel_per_endpoint=parallel_per_endpoint
        )
        self.fanout = Fanout(self.calls, self.deliveries, owing, bridge or self.passed, reporter, timedelta(seconds=10))

    async def ring(self, owner: OwnerId) -> None:
        self.rung.append(owner)

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
        await store(self.calls, call)
        ended = CallEnded.of(call)
        await self.fanout.owe_report(ended)
        return call, ended

    async def deliver_now(self) -> None:
        """Post whatever is most overdue."""
        claimed = await claim_one(self.deliveries) or await claim_one(self.deliveries, suspect=True)
        assert claimed is not None
        await self.deliver(claimed)

    async def deliver(self, claimed: Delivery) -> None:
        """Post a claimed delivery and write down what came of it."""
        await self.courier.settle(await self.posted(claimed))

    async def posted(self, claimed: Delivery) -> Posted:
        """Post a claimed delivery, and write nothing down yet."""
        letter = await self.courier.write(claimed)
        assert letter is not None
        return await self.courier.post(letter)

    async def make_due(self, call: Call) -> None:
        await self.database.get_collection("webhook_deliveries").update_many(
            {"call_id": call.call_id}, {"$set": {"next_attempt_at": now()}}
        )

    async def owed(self, call: Call) -> Delivery:
        """Return the delivery of the call's report to its assistant's URL."""
        (found,) = [
            report
            for report in await self.deliveries.reports_of(call.call_id)
            if report.endpoint_id == end_call_endpoint(call)
        ]
        return found

    async def listen(self, url: str, *event_types: str) -> Endpoint:
        """Make an endpoint of the calls' owner; without event types it gets everything."""
        endpoint = Endpoint(
            endpoint_id=new_endpoint_id(),
            owner_id=factories.call().owner_id,
            endpoint_url=url,
            event_types=list(event_types) or None,
            created_at=now(),
        )
        await self.endpoints.insert(endpoint)
        return endpoint

    async def owed_to(self, endpoint_id: str) -> list[Delivery]:
        """Return what was ever owed to an endpoint, in the order in which it was owed."""
        found = self.database.get_collection(COLLECTION).find({"endpoint_id": endpoint_id}).sort("created_at")
        return [delivery_of(document) async for document in found]

    async def health(self, endpoint_id: str) -> EndpointHealth | None:
        return (await self.healths.of([endpoint_id])).get(endpoint_id)

    async def note_recording(self, call: Call, recording: Recording) -> Call:
        noted = await self.calls.note(call.call_id, derived=lambda _: {"recording": recording})
        assert noted is not None
        return noted


@asynccontextmanager
async def opened(
    database: Database, parallel: int = 20, parallel_per_endpoint: int = 10, bridge: Bridge | None = None
) -> AsyncIterator[Mailroom]:
    async with http_sender.connect([ip_network("127.0.0.0/8")], 2 * parallel, total_timeout=5) as sender:
        yield Mailroom(database, sender, bridge, parallel, parallel_per_endpoint)
