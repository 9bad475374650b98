"""A recorder on a real database, with an egress server and a bucket in memory."""

from datetime import timedelta
from typing import Any

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.db.deliveries import Deliveries
from parley_common.db.journal import Journal
from parley_common.db.retention import Retention
from parley_common.db.transcripts import Transcripts
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.recordings import Recording
from parley_common.relay import Relay
from parley_recorder.egress import Egress
from parley_recorder.erasing import Eraser
from parley_recorder.recording import Recorder
from parley_recorder.settings import RecorderSettings
from parley_recorder.storage import Storage
from parley_recorder.transcribing import Transcriber
from tests import factories
from tests.fakes.egress import FakeEgress
from tests.fakes.relay import FakeRelay
from tests.fakes.storage import FakeStorage
from tests.support.stored import store

ANSWERED: dict[str, Any] = {"status": CallStatus.IN_PROGRESS, "answered_at": now()}
DIALING: dict[str, Any] = {"status": CallStatus.DIALING}


class Studio:
    """A recorder, an egress server and a bucket, with real calls."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.calls = Calls(database)
        self.egress = FakeEgress()
        self.storage = FakeStorage()
        self.relay = FakeRelay()
        self.transcripts = Transcripts(database)
        self.deliveries = Deliveries(database)
        self.journal = Journal(database)
        self.settings = RecorderSettings(**{"look_for": timedelta(seconds=0.3)} | settings)
        self.recorder = Recorder(self.calls, self.relay, self.egress, self.storage, self.settings)
        self.transcriber = Transcriber(self.calls, self.transcripts)
        self.eraser = self.eraser_with(self.storage, self.relay)

    def eraser_with(self, storage: Storage, relay: Relay, egress: Egress | None = None) -> Eraser:
        return Eraser(
            self.calls,
            Retention(self.database),
            self.transcripts,
            self.deliveries,
            self.journal,
            relay,
            egress or self.egress,
            storage,
            self.settings,
        )

    async def place(self, **overrides: Any) -> Call:
        call = factories.call(**{"status": CallStatus.STARTING} | overrides)
        await store(self.calls, call)
        return call

    async def record(self, file_size: int | None = 12_345, **overrides: Any) -> Call:
        """Place a call and start its recording; its file will have `file_size` bytes."""
        call = await self.place(**overrides)
        await self.recorder.start(call.call_id)
        if file_size is not None:
            self.storage.sizes[key(call)] = file_size
        return call

    async def hang_up(self, call: Call, ago: timedelta = timedelta()) -> None:
        answered = call.answered_at is not None
        ended = await self.calls.advance(
            call.call_id,
            CallStatus.COMPLETED if answered else CallStatus.BUSY,
            end_reason=EndReason.CALLEE_HANGUP if answered else EndReason.BUSY,
            ended_at=now() - ago,
        )
        assert ended is not None

    async def recording(self, call: Call) -> Recording:
        return (await self.calls.get(call.call_id)).recording

    async def said(self, call: Call) -> list[dict[str, Any]]:
        """Return the recorder's events that wait in the call's outbox."""
        pending = await self.calls.outbox.lease(call.call_id)
        assert pending is not None
        return [event for event in pending.events if event["type"].startswith("recording.")]


def key(call: Call) -> str:
    return f"recordings/{call.call_id}.ogg"
