"""Calls that are over and have left data wherever data is kept, each piece of it recognisable."""

from datetime import timedelta
from typing import Any

from parley_common.analyses import Analysis, Findings
from parley_common.assistants import AnalysisPlan
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.deliveries import Delivery, DeliveryAttempt
from parley_common.db.journal import Entry
from parley_common.deletions import Deletion
from parley_common.events import TranscriptChunk
from parley_common.ids import EndpointId, EventId
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.recordings import Recording, RecordingStatus
from tests import factories
from tests.support.stored import store
from tests.support.studio import Studio, key

SECRET = "zanzibar"
"""Stands in every piece of data that is a person's."""

NUMBER = "+15557654321"


class Archive:
    """Fills the database, and looks for what is left in it."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    async def keep(self, **overrides: Any) -> Call:
        """Store a call that was held, told of, and recorded, whose deletion is asked for."""
        call = factories.call(**_held() | overrides)
        await store(self.studio.calls, call)
        await self._publish(call)
        await self.studio.transcripts.store(TranscriptChunk.of(call, **call.transcript[0].model_dump()))
        await self.studio.deliveries.add([delivery(call, "1"), delivery(call, "2")])
        await self.studio.journal.append(_told(call))
        self.studio.storage.sizes[key(call)] = 12_345
        return call

    async def traces(self) -> list[str]:
        """Return the collections in which something is still to be read."""
        names = await self.studio.database.list_collection_names()
        return sorted([name for name in names if await _is_in(self.studio.database, name)])

    async def _publish(self, call: Call) -> None:
        pending = await self.studio.calls.outbox.lease(call.call_id)
        assert pending is not None
        await self.studio.calls.outbox.settle(call.call_id, [event["event_id"] for event in pending.events])


async def _is_in(database: Database, name: str) -> bool:
    documents = [str(document) async for document in database.get_collection(name).find({})]
    return any(word in document for document in documents for word in (SECRET, NUMBER))


def deletion() -> Deletion:
    return Deletion(requested_at=now(), requested_by_key="key_1")


def _held() -> dict[str, Any]:
    said = f"My name is {SECRET}."
    return {
        "to_number": NUMBER,
        "from_number": NUMBER,
        "metadata": {"name": SECRET},
        "unresolved_placeholders": [SECRET],
        "assistant": factories.assistant(
            prompt=SECRET,
            start_instruction=SECRET,
            end_call_url=f"https://{SECRET}.test/",
            analysis=AnalysisPlan(enabled=True, goal=SECRET),
        ),
        "status": CallStatus.COMPLETED,
        "end_reason": EndReason.CALLEE_HANGUP,
        "attempts": [factories.attempt(answered_at=now())],
        "answered_at": now() - timedelta(minutes=1),
        "ended_at": now(),
        "answered_by": "human",
        "transcript": [factories.utterance(text=said), factories.utterance(item_id="item_2", text=said)],
        "usage": [{"provider": "openai", "note": SECRET}],
        "latency": {"note": SECRET},
        "analysis": Analysis(requested_at=now(), findings=Findings(summary=SECRET)),
        "recording": Recording(
            status=RecordingStatus.READY, key="k", path=f"https://bucket.test/{SECRET}", size_bytes=12_345
        ),
        "deletion": deletion(),
    }


def _told(call: Call) -> Entry:
    return Entry(
        event_id=EventId(f"evt_{call.call_id}"),
        owner_id=call.owner_id,
        call_id=call.call_id,
        event_type="transcript.chunk",
        body=f'{{"text": "{SECRET}"}}',
    )


def delivery(call: Call, number: str) -> Delivery:
    return Delivery(
        delivery_id=f"{call.call_id}:{number}",
        endpoint_id=EndpointId("ep_1"),
        owner_id=call.owner_id,
        call_id=call.call_id,
        event_id=EventId(f"evt_{number}"),
        event_type="call.ended",
        url="http://127.0.0.1:9/",
        signed_by="ep_1",
        occurred_at=now(),
        created_at=now(),
        next_attempt_at=now(),
        body=f'{{"text": "{SECRET}"}}',
        attempts=[DeliveryAttempt(at=now(), duration_seconds=0.1, status_code=500, excerpt=SECRET)],
    )
