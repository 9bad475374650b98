"""When a call is recorded, and whether its file is real."""

from datetime import timedelta
from typing import Any

import pytest

from parley_common.calls import Call, Recording, RecordingStatus
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.errors import LiveKitUnavailable, StorageUnavailable, TooEarly
from parley_common.events import CallRequested
from parley_common.lifecycle import CallStatus, EndReason
from parley_recorder.egress import EgressState
from parley_recorder.recording import Failure, Recorder
from parley_recorder.settings import RecorderSettings
from tests import factories
from tests.fakes.egress import FakeEgress
from tests.fakes.relay import FakeRelay
from tests.fakes.storage import FakeStorage

ANSWERED: dict[str, Any] = {"status": CallStatus.IN_PROGRESS, "answered_at": now()}
DIALING: dict[str, Any] = {"status": CallStatus.DIALING}


class Studio:
    """A recorder, an egress server and a bucket, with real calls."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.calls = Calls(database)
        self.egress = FakeEgress()
        self.storage = FakeStorage()
        self.relay = FakeRelay()
        quick = {"look_for": timedelta(seconds=0.3)}
        self.recorder = Recorder(
            self.calls, self.relay, self.egress, self.storage, RecorderSettings(**quick | settings)
        )

    async def place(self, **overrides: Any) -> Call:
        call = factories.call(**{"status": CallStatus.STARTING} | overrides)
        await self.calls.insert(call, CallRequested)
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
        pending = await self.calls.lease_outbox(call.call_id)
        assert pending is not None
        return [event for event in pending.events if event["type"].startswith("recording.")]


@pytest.fixture
def studio(database: Database) -> Studio:
    return Studio(database)


def key(call: Call) -> str:
    return f"recordings/{call.call_id}.ogg"


async def test_recording_starts_when_the_agent_is_ready(studio: Studio) -> None:
    call = await studio.record()
    (view,) = studio.egress.recordings[call.room_name]
    recording = await studio.recording(call)
    assert recording == Recording(status=RecordingStatus.RECORDING, egress_id=view.egress_id, key=key(call))


async def test_redelivered_event_starts_no_second_recording(studio: Studio) -> None:
    call = await studio.record()
    await studio.recorder.start(call.call_id)
    assert len(studio.egress.recordings[call.room_name]) == 1


async def test_recording_that_was_started_and_not_noted_is_taken_up(studio: Studio) -> None:
    call = await studio.place()
    egress_id = await studio.egress.start(call.room_name, key(call))
    await studio.recorder.start(call.call_id)
    assert (await studio.recording(call)).egress_id == egress_id
    assert len(studio.egress.recordings[call.room_name]) == 1


async def test_recording_that_died_is_started_again_by_a_redelivery(studio: Studio) -> None:
    call = await studio.record()
    studio.egress.end(call.room_name, EgressState.FAILED)
    await studio.recorder.start(call.call_id)
    assert len(studio.egress.recordings[call.room_name]) == 2


async def test_call_without_recording_is_left_alone(studio: Studio) -> None:
    call = await studio.record(assistant=factories.assistant(recording_enabled=False), **ANSWERED)
    await studio.hang_up(call)
    await studio.recorder.decide(call.call_id)
    assert studio.egress.recordings == {}
    assert await studio.recording(call) == Recording()


async def test_call_that_is_over_is_not_recorded(studio: Studio) -> None:
    call = await studio.place(status=CallStatus.CANCELED)
    await studio.recorder.start(call.call_id)
    assert studio.egress.recordings == {}


async def test_call_that_ended_while_its_recording_started_leaves_nothing_running(studio: Studio) -> None:
    call = await studio.place(**DIALING)

    class EndsDuringStart(FakeEgress):
        async def start(self, room_name: str, key: str) -> str:
            await studio.hang_up(call)
            return await super().start(room_name, key)

    egress = EndsDuringStart()
    recorder = Recorder(studio.calls, studio.relay, egress, studio.storage, RecorderSettings())
    await recorder.start(call.call_id)
    assert [view.state for view in egress.recordings[call.room_name]] == [EgressState.COMPLETE]
    assert await studio.recording(call) == Recording()


async def test_egress_server_that_is_away_is_asked_again_later(studio: Studio) -> None:
    studio.egress.away = True
    call = await studio.place()
    with pytest.raises(LiveKitUnavailable):
        await studio.recorder.start(call.call_id)
    assert await studio.recording(call) == Recording()


async def test_refused_recording_harms_nothing_and_is_reported_at_the_end(studio: Studio) -> None:
    studio.egress.refuses = True
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)
    await studio.recorder.decide(call.call_id)
    recording = await studio.recording(call)
    assert (recording.status, recording.error) == (RecordingStatus.FAILED, Failure.NOT_STARTED)


async def test_file_that_was_seen_is_published(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)
    studio.egress.end(call.room_name)
    await studio.recorder.decide(call.call_id)
    recording = await studio.recording(call)
    assert recording.status is RecordingStatus.READY
    assert recording.path == f"https://bucket.test/{key(call)}"
    assert (recording.size_bytes, recording.duration_seconds) == (12_345, 4.2)
    (event,) = await studio.said(call)
    assert (event["type"], event["path"], event["size_bytes"]) == ("recording.ready.v1", recording.path, 12_345)
    assert studio.relay.flushed == [call.call_id]


async def test_offset_of_the_answer_in_the_file_is_kept(studio: Studio) -> None:
    call = await studio.record()
    (view,) = studio.egress.recordings[call.room_name]
    assert view.started_at is not None
    answered_at = view.started_at + timedelta(seconds=7.5)
    await studio.calls.advance(call.call_id, CallStatus.DIALING)
    await studio.calls.advance(call.call_id, CallStatus.IN_PROGRESS, answered_at=answered_at)
    await studio.hang_up(call.model_copy(update={"answered_at": answered_at}))
    studio.egress.end(call.room_name)
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).answer_offset_seconds == 7.5


async def test_recording_is_decided_once_however_many_events_come(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)
    studio.egress.end(call.room_name)
    await studio.recorder.decide(call.call_id)
    studio.storage.sizes.clear()
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).status is RecordingStatus.READY
    assert len(await studio.said(call)) == 1


async def test_file_that_comes_a_moment_later_is_waited_for(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)
    studio.egress.looks, studio.egress.ends_after_looks = 0, 2
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).status is RecordingStatus.READY


async def test_file_that_takes_longer_is_processing_and_looked_for_again(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)

    class NeverStops(FakeEgress):
        async def stop(self, egress_id: str) -> None:
            self.stopped.append(egress_id)

    slow = NeverStops(studio.egress.recordings)
    recorder = Recorder(
        studio.calls, studio.relay, slow, studio.storage, RecorderSettings(look_for=timedelta(seconds=0.1))
    )
    with pytest.raises(TooEarly):
        await recorder.decide(call.call_id)
    assert len(slow.stopped) == 1
    assert (await studio.recording(call)).status is RecordingStatus.PROCESSING


async def test_egress_that_says_nothing_for_long_is_lost(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call, ago=timedelta(minutes=11))
    await studio.recorder.decide(call.call_id)
    recording = await studio.recording(call)
    assert (recording.status, recording.error) == (RecordingStatus.FAILED, Failure.EGRESS_LOST)
    (event,) = await studio.said(call)
    assert (event["type"], event["error"]) == ("recording.failed.v1", "egress_lost")


async def test_file_that_is_not_in_the_bucket_is_not_published(studio: Studio) -> None:
    call = await studio.record(file_size=None, **ANSWERED)
    await studio.hang_up(call)
    studio.egress.end(call.room_name)
    await studio.recorder.decide(call.call_id)
    recording = await studio.recording(call)
    assert (recording.status, recording.path, recording.error) == (RecordingStatus.FAILED, None, Failure.FILE_MISSING)


async def test_empty_file_is_no_recording(studio: Studio) -> None:
    call = await studio.record(file_size=0, **ANSWERED)
    await studio.hang_up(call)
    studio.egress.end(call.room_name)
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).error == Failure.FILE_MISSING


async def test_bucket_that_is_away_is_asked_again(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)
    studio.egress.end(call.room_name)
    studio.storage.away = True
    with pytest.raises(StorageUnavailable):
        await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).status is RecordingStatus.PROCESSING
    studio.storage.away = False
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).status is RecordingStatus.READY


async def test_bucket_that_stays_away_is_given_up(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call, ago=timedelta(minutes=11))
    studio.egress.end(call.room_name)
    studio.storage.away = True
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).error == Failure.STORAGE_UNAVAILABLE


async def test_egress_that_failed_after_the_call_is_reported(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    await studio.hang_up(call)
    studio.egress.end(call.room_name, EgressState.FAILED)
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).error == Failure.EGRESS_FAILED


async def test_egress_that_died_during_the_call_is_known_at_once(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    studio.egress.end(call.room_name, EgressState.FAILED)
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).error == Failure.EGRESS_FAILED
    assert (await studio.calls.get(call.call_id)).status is CallStatus.IN_PROGRESS


async def test_egress_that_ended_before_the_call_waits_for_the_end_of_the_call(studio: Studio) -> None:
    call = await studio.record(**ANSWERED)
    studio.egress.end(call.room_name)
    await studio.recorder.decide(call.call_id)
    assert (await studio.recording(call)).status is RecordingStatus.RECORDING


async def test_nobody_answered_so_the_recording_is_stopped_and_its_file_removed(studio: Studio) -> None:
    call = await studio.record(**DIALING)
    await studio.hang_up(call)
    await studio.recorder.decide(call.call_id)
    assert len(studio.egress.stopped) == 1
    assert studio.storage.sizes == {}
    assert await studio.recording(call) == Recording()
    assert await studio.said(call) == []


async def test_nobody_answered_and_nothing_was_recorded(studio: Studio) -> None:
    call = await studio.place(**DIALING)
    await studio.hang_up(call)
    await studio.recorder.decide(call.call_id)
    assert await studio.recording(call) == Recording()


async def test_file_of_an_unanswered_call_is_removed_although_its_egress_had_failed(studio: Studio) -> None:
    call = await studio.record(**DIALING)
    studio.egress.end(call.room_name, EgressState.FAILED)
    await studio.recorder.decide(call.call_id)
    await studio.hang_up(call)
    await studio.recorder.decide(call.call_id)
    assert studio.storage.sizes == {}
    assert await studio.recording(call) == Recording()
