"""Whether a recording's file is real, and what is said of it."""

from datetime import timedelta

import pytest

from parley_common.clock import now
from parley_common.db import Database
from parley_common.errors import StorageUnavailable, TooEarly
from parley_common.lifecycle import CallStatus
from parley_common.recordings import Recording, RecordingStatus
from parley_recorder.egress import EgressState
from parley_recorder.recording import Failure, Recorder
from parley_recorder.settings import RecorderSettings
from tests.fakes.egress import FakeEgress
from tests.support.studio import ANSWERED, DIALING, Studio, key


@pytest.fixture
def studio(database: Database) -> Studio:
    return Studio(database)


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


async def test_sound_of_an_attempt_that_reached_nobody_is_not_the_recording_of_the_next(studio: Studio) -> None:
    call = await studio.record(starting_at=now() - timedelta(minutes=1), **ANSWERED)
    studio.egress.end(call.room_name)
    await studio.calls.note(call.call_id, starting_at=now())
    await studio.hang_up(call)
    await studio.recorder.decide(call.call_id)
    recording = await studio.recording(call)
    assert (recording.status, recording.error) == (RecordingStatus.FAILED, Failure.NOT_STARTED)


async def test_recording_that_nobody_wrote_down_is_found(studio: Studio) -> None:
    call = await studio.record(starting_at=now() - timedelta(minutes=1), **ANSWERED)
    await studio.calls.note(call.call_id, starting_at=now())
    studio.egress.end(call.room_name)
    second = await studio.egress.start(call.room_name, key(call))
    studio.egress.end(call.room_name)
    await studio.hang_up(call)
    await studio.recorder.decide(call.call_id)
    recording = await studio.recording(call)
    assert (recording.status, recording.egress_id) == (RecordingStatus.READY, second)


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
