"""A call's data is deleted wherever it is kept, is seen gone, and does not come back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from faststream.rabbit import RabbitBroker

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.retention import Retention
from parley_common.deletions import DeletionStatus
from parley_common.errors import LiveKitRefused, StorageUnavailable, TooEarly
from parley_common.events import TranscriptChunk
from parley_common.recordings import Recording, RecordingStatus
from parley_common.relay import Relay
from parley_common.settings import RabbitSettings
from parley_common.stubs import KEPT
from parley_local.world import World
from parley_recorder import s3_storage
from parley_recorder.egress import EgressView
from parley_recorder.recording import Recorder
from tests import factories
from tests.fakes.egress import FakeEgress
from tests.fakes.storage import FakeStorage
from tests.support.archive import Archive, deletion
from tests.support.bucket import Bucket, settings_of
from tests.support.listener import listening
from tests.support.studio import ANSWERED, Studio, key


@pytest.fixture
def studio(database: Database) -> Studio:
    return Studio(database)


@pytest.fixture
def archive(studio: Studio) -> Archive:
    return Archive(studio)


async def test_nothing_of_a_person_is_left_in_any_collection(studio: Studio, archive: Archive) -> None:
    await archive.keep()
    assert await archive.traces() == ["calls", "journal", "transcript_chunks", "webhook_deliveries"]
    await studio.eraser.sweep()
    assert await archive.traces() == []
    assert studio.storage.sizes == {}


async def test_ids_status_and_times_remain_as_they_were(studio: Studio, archive: Archive) -> None:
    before = await archive.keep()
    await studio.eraser.sweep()
    after = await studio.calls.get(before.call_id)
    changed = {name for name in Call.model_fields if getattr(before, name) != getattr(after, name)}
    assert changed & KEPT == {"version", "deletion"}
    assert (after.assistant_id, after.assistant_name) == (before.assistant_id, before.assistant_name)


async def test_deletion_tells_what_was_removed_and_when_it_was_seen_gone(studio: Studio, archive: Archive) -> None:
    call = await archive.keep()
    await studio.eraser.sweep()
    record = (await studio.calls.get(call.call_id)).deletion
    assert record is not None
    assert record.removed is not None
    assert (record.status, record.requested_by_key) == (DeletionStatus.COMPLETED, "key_1")
    counts = (record.removed.transcript_turns, record.removed.transcript_chunks, record.removed.webhook_deliveries)
    assert (*counts, record.removed.recording_bytes) == (2, 1, 2, 12_345)
    assert record.recording_gone_at is not None
    assert record.completed_at is not None
    assert record.requested_at <= record.recording_gone_at <= record.completed_at


async def test_other_calls_keep_their_data(studio: Studio, archive: Archive) -> None:
    kept = await archive.keep(deletion=None)
    await archive.keep()
    await studio.eraser.sweep()
    assert await studio.calls.get(kept.call_id) == kept
    assert (await studio.transcripts.count(kept.call_id), await studio.deliveries.count_about(kept.call_id)) == (1, 2)
    assert list(studio.storage.sizes) == [key(kept)]


@pytest.mark.parametrize(
    ("part", "step"),
    [
        ("deliveries", "withdraw"),
        ("transcripts", "forget"),
        ("journal", "blank"),
        ("storage", "remove"),
        ("storage", "size"),
    ],
)
async def test_deletion_that_was_killed_in_the_middle_is_finished_by_another(
    studio: Studio, archive: Archive, monkeypatch: pytest.MonkeyPatch, part: str, step: str
) -> None:
    call = await archive.keep()

    async def die(_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as dying:
        dying.setattr(getattr(studio, part), step, die)
        with pytest.raises(asyncio.CancelledError):
            await studio.eraser.sweep()
    await studio.eraser_with(studio.storage, studio.relay).sweep()
    record = (await studio.calls.get(call.call_id)).deletion
    assert record is not None
    assert record.removed is not None
    assert (record.status, record.removed.transcript_chunks) == (DeletionStatus.COMPLETED, 1)
    assert await archive.traces() == []


async def test_bucket_that_is_away_delays_a_deletion_and_no_other(studio: Studio, archive: Archive) -> None:
    call = await archive.keep()
    studio.storage.away = True
    await studio.eraser.sweep()
    with pytest.raises(StorageUnavailable):
        await studio.eraser.erase(call.call_id)
    assert (await studio.calls.get(call.call_id)).deletion == call.deletion
    studio.storage.away = False
    await studio.eraser.sweep()
    assert await archive.traces() == []


async def test_deletion_that_livekit_refuses_delays_no_other(studio: Studio, archive: Archive) -> None:
    refused = await archive.keep(recording=Recording())
    await archive.keep()

    class Refusing(FakeEgress):
        async def find(self, room_name: str, egress_id: str | None = None) -> EgressView | None:
            if room_name == refused.room_name:
                raise LiveKitRefused("too many requests")
            return await super().find(room_name, egress_id)

    await studio.eraser_with(studio.storage, studio.relay, Refusing()).sweep()
    assert await Retention(studio.database).awaiting_deletion() == [refused.call_id]


async def test_recording_that_cannot_be_removed_keeps_no_other(database: Database) -> None:
    studio = Studio(database, keep_recordings=timedelta(days=1))
    archive = Archive(studio)
    locked = await archive.keep(deletion=None, ended_at=now() - timedelta(days=3))
    old = await archive.keep(deletion=None, ended_at=now() - timedelta(days=2))

    class Locked(FakeStorage):
        async def remove(self, looked_for: str) -> None:
            if looked_for == key(locked):
                raise StorageUnavailable("the object is locked")

    await studio.eraser_with(Locked(), studio.relay).sweep()
    assert (await studio.recording(locked)).status is RecordingStatus.READY
    assert (await studio.recording(old)).status is RecordingStatus.EXPIRED


async def test_replicas_that_delete_side_by_side_say_so_once(studio: Studio, archive: Archive) -> None:
    call = await archive.keep()
    await asyncio.gather(*(studio.eraser.erase(call.call_id) for _ in range(3)))
    pending = await studio.calls.outbox.lease(call.call_id)
    assert pending is not None
    assert [event["type"] for event in pending.events] == ["call.deleted.v1"]


async def test_call_with_events_to_publish_is_deleted_after_them(studio: Studio) -> None:
    call = await studio.place(**ANSWERED)
    await studio.hang_up(call)
    await studio.calls.note(call.call_id, deletion=deletion())
    await studio.eraser.sweep()
    assert (await studio.calls.get(call.call_id)).to_number == call.to_number


async def test_egress_that_still_writes_is_stopped_and_waited_for(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)
    await studio.calls.note(call.call_id, deletion=deletion())
    with pytest.raises(TooEarly):
        await studio.eraser.erase(call.call_id)
    assert len(studio.egress.stopped) == 1
    await studio.eraser.erase(call.call_id)
    assert studio.storage.sizes == {}
    assert (await studio.recording(call)).status is RecordingStatus.NONE


async def test_file_that_comes_after_the_deletion_is_removed_and_never_told(studio: Studio, archive: Archive) -> None:
    call = await archive.keep()
    await studio.eraser.sweep()
    studio.storage.sizes[key(call)] = 1
    await studio.recorder.decide(call.call_id)
    assert studio.storage.sizes == {}
    assert await studio.recording(call) == Recording()


async def test_recording_that_is_proved_while_its_call_is_deleted_is_not_published(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)
    studio.egress.end(call.room_name)

    class Interrupted(FakeStorage):
        async def size(self, looked_for: str) -> int | None:
            await studio.calls.note(call.call_id, deletion=deletion())
            return 12_345

    recorder = Recorder(studio.calls, studio.relay, studio.egress, Interrupted(), studio.settings)
    await recorder.decide(call.call_id)
    assert (await studio.recording(call)).path is None
    assert await studio.said(call) == []


async def test_words_that_come_after_the_deletion_are_not_kept(studio: Studio, archive: Archive) -> None:
    call = await archive.keep()
    await studio.eraser.sweep()
    await studio.transcriber.keep(TranscriptChunk.of(call, **factories.utterance().model_dump()))
    assert await studio.transcripts.count(call.call_id) == 0


async def test_deletion_is_told_on_the_broker_and_the_object_is_gone_from_a_real_bucket(
    studio: Studio, archive: Archive, infrastructure: World, rabbit: RabbitSettings, publishes: RabbitBroker
) -> None:
    settings = settings_of(infrastructure)
    bucket = Bucket(settings)
    call = await archive.keep()
    await bucket.put(key(call), b"OggS" * 100)
    eraser = studio.eraser_with(s3_storage.connect(settings), Relay(studio.calls, publishes))
    async with listening(str(rabbit.rabbitmq_url)) as listener:
        await eraser.sweep()
        event = await listener.next()
    assert (event["type"], event["call_id"]) == ("call.deleted.v1", call.call_id)
    assert not await bucket.holds(key(call))
    record = (await studio.calls.get(call.call_id)).deletion
    assert record is not None
    assert record.removed is not None
    assert record.removed.recording_bytes == 400


def ended(days: int, **overrides: Any) -> dict[str, Any]:
    return {"ended_at": now() - timedelta(days=days), "deletion": None, **overrides}


async def test_recordings_whose_time_is_over_are_removed_and_the_call_remains(database: Database) -> None:
    studio = Studio(database, keep_recordings=timedelta(days=30))
    archive = Archive(studio)
    old, young = await archive.keep(**ended(31)), await archive.keep(**ended(29))
    await studio.eraser.sweep()
    assert list(studio.storage.sizes) == [key(young)]
    assert await studio.recording(old) == Recording(status=RecordingStatus.EXPIRED)
    after = await studio.calls.get(old.call_id)
    assert (after.transcript, after.to_number) == (old.transcript, old.to_number)
    assert (await studio.recording(young)).status is RecordingStatus.READY


async def test_recordings_are_kept_for_ever_unless_a_time_is_set(studio: Studio, archive: Archive) -> None:
    old = await archive.keep(**ended(3000))
    await studio.eraser.sweep()
    assert list(studio.storage.sizes) == [key(old)]


async def test_expired_recording_is_not_looked_for_again(database: Database) -> None:
    studio = Studio(database, keep_recordings=timedelta(days=30))
    old = await Archive(studio).keep(**ended(31))
    await studio.eraser.sweep()
    await studio.recorder.decide(old.call_id)
    assert (await studio.recording(old)).status is RecordingStatus.EXPIRED


async def test_recording_expires_later_when_the_bucket_was_away(database: Database) -> None:
    studio = Studio(database, keep_recordings=timedelta(days=30))
    old = await Archive(studio).keep(**ended(31))
    studio.storage.away = True
    await studio.eraser.sweep()
    assert (await studio.recording(old)).status is RecordingStatus.READY
    studio.storage.away = False
    await studio.eraser.sweep()
    assert (await studio.recording(old)).status is RecordingStatus.EXPIRED
