"""When a call is recorded."""

import pytest

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Database
from parley_common.errors import LiveKitUnavailable
from parley_common.lifecycle import CallStatus
from parley_common.recordings import Recording, RecordingStatus
from parley_recorder.egress import EgressState
from parley_recorder.recording import Failure, Recorder
from parley_recorder.settings import RecorderSettings
from tests import factories
from tests.fakes.egress import FakeEgress
from tests.support.studio import ANSWERED, DIALING, Studio, key


@pytest.fixture
def studio(database: Database) -> Studio:
    return Studio(database)


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


async def test_call_that_starts_again_is_recorded_anew_while_its_earlier_recording_is_ending(studio: Studio) -> None:
    call = await studio.record(starting_at=now(), **DIALING)
    await start_again(studio, call)
    first, second = studio.egress.recordings[call.room_name]
    assert (await studio.recording(call)).egress_id == second.egress_id != first.egress_id


async def test_redelivered_event_of_a_call_that_started_again_starts_no_third_recording(studio: Studio) -> None:
    call = await studio.record(starting_at=now(), **DIALING)
    await start_again(studio, call)
    await studio.recorder.start(call.call_id)
    assert len(studio.egress.recordings[call.room_name]) == 2


async def test_recording_of_a_failed_attempt_is_discarded_without_harm_to_the_next_one(studio: Studio) -> None:
    call = await studio.record(starting_at=now(), **DIALING)

    class NextAttemptMeanwhile(FakeEgress):
        async def stop(self, egress_id: str) -> None:
            await super().stop(egress_id)
            await studio.calls.advance(call.call_id, CallStatus.STARTING, starting_at=now())
            await studio.recorder.start(call.call_id)

    await studio.calls.advance(call.call_id, CallStatus.QUEUED)
    egress = NextAttemptMeanwhile(studio.egress.recordings)
    await Recorder(studio.calls, studio.relay, egress, studio.storage, studio.settings).decide(call.call_id)
    first, second = egress.recordings[call.room_name]
    assert (first.state, second.state) == (EgressState.COMPLETE, EgressState.RUNNING)
    assert (await studio.recording(call)).egress_id == second.egress_id


async def test_dead_egress_of_an_earlier_attempt_does_not_hide_the_file_of_the_answered_one(studio: Studio) -> None:
    call = await studio.record(starting_at=now(), **DIALING)
    await start_again(studio, call)
    _, second = studio.egress.recordings[call.room_name]
    studio.egress.end(call.room_name, egress_id=second.egress_id)
    answered = await studio.calls.note(call.call_id, **ANSWERED)
    assert answered is not None
    await studio.hang_up(answered)
    await studio.recorder.decide(call.call_id)
    recording = await studio.recording(call)
    assert (recording.status, recording.egress_id) == (RecordingStatus.READY, second.egress_id)


async def test_failed_egress_of_an_earlier_attempt_says_nothing_about_the_next(studio: Studio) -> None:
    call = await studio.record(starting_at=now(), **DIALING)
    studio.egress.end(call.room_name, EgressState.FAILED)
    await studio.calls.advance(call.call_id, CallStatus.QUEUED)
    await studio.calls.advance(call.call_id, CallStatus.STARTING, starting_at=now())
    await studio.recorder.decide(call.call_id)
    assert await studio.said(call) == []


async def start_again(studio: Studio, call: Call) -> None:
    await studio.calls.advance(call.call_id, CallStatus.QUEUED)
    await studio.calls.advance(call.call_id, CallStatus.STARTING, starting_at=now())
    await studio.recorder.start(call.call_id)


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
