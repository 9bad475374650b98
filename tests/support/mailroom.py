"""The webhooks service on a real database, without a broker: what happened is told to it directly."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from pydantic import SecretStr

from parley_common.calls import Call, Recording, RecordingStatus
from parley_common.clock import now
from parley_common.crypto import SecretBox
from parley_common.db import Calls, Database
from parley_common.db.deliveries import Deliveries, Delivery
from parley_common.db.signing_secrets import SigningSecrets
from parley_common.events import CallEnded, CallRequested
from parley_common.lifecycle import CallStatus, EndReason
from parley_webhooks import http_sender
from parley_webhooks.delivering import Courier
from parley_webhooks.dispatching import Dispatcher
from parley_webhooks.fanout import Fanout
from tests import factories

BOX = SecretBox(SecretStr(base64.b64encode(b"k" * 32).decode()))


class Notes:
    """Notices that are kept."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    async def delivery_failed(self, delivery: Delivery) -> None:
        self.failed.append(delivery.delivery_id)


class Mailroom:
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
async def opened(database: Database, **options: Any) -> AsyncIterator[Mailroom]:
    async with http_sender.connect([ip_network("127.0.0.0/8")], parallel=20, total_timeout=5) as sender:
        yield Mailroom(database, sender, **options)
