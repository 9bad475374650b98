"""When a call is recorded, and whether its file is real.

A recording never harms its call: it is started beside the dial and decided after the end. Whatever event comes, the
recorder looks at the call, the egress and the bucket, and does what is missing; so events may repeat, overtake each
other or stay away.
"""

import asyncio
from enum import StrEnum

import structlog

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.errors import LiveKitRefused, StorageUnavailable, TooEarly
from parley_common.events import Event, RecordingFailed, RecordingReady
from parley_common.ids import CallId
from parley_common.lifecycle import UNDER_WAY
from parley_common.recordings import Recording, RecordingStatus
from parley_common.relay import Relay
from parley_recorder.egress import Egress, EgressState, EgressView
from parley_recorder.settings import RecorderSettings
from parley_recorder.storage import Storage, key_of

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
DECIDED = frozenset({RecordingStatus.READY, RecordingStatus.FAILED, RecordingStatus.EXPIRED})


class Failure(StrEnum):
    """Why there is no recording."""

    NOT_STARTED = "not_started"
    EGRESS_FAILED = "egress_failed"
    EGRESS_LOST = "egress_lost"
    FILE_MISSING = "file_missing"
    STORAGE_UNAVAILABLE = "storage_unavailable"


class Recorder:
    """Starts recordings and decides what became of them."""

    def __init__(
        self, calls: Calls, relay: Relay, egress: Egress, storage: Storage, settings: RecorderSettings
    ) -> None:
        self._calls = calls
        self._relay = relay
        self._egress = egress
        self._storage = storage
        self._settings = settings

    async def start(self, call_id: CallId) -> None:
        """Record a call whose agent is ready; a recording that runs already is taken up."""
        call = await self._calls.get(call_id)
        if not call.assistant.recording_enabled or call.status not in UNDER_WAY:
            return
        try:
            egress_id = await self._running(call) or await self._egress.start(call.room_name, key_of(call))
        except LiveKitRefused as error:
            log.warning("recording refused", call_id=call_id, error=str(error))
            return
        recording = Recording(
            status=RecordingStatus.RECORDING, starting_at=call.starting_at, egress_id=egress_id, key=key_of(call)
        )
        noted = await self._calls.note(
            call_id, when=lambda call: call.status in UNDER_WAY, derived=lambda _: {"recording": recording}
        )
        log.info("recording started", call_id=call_id, egress_id=egress_id, in_time=noted is not None)
        if noted is None:
            await self._egress.stop(egress_id)
            await self.decide(call_id)

    async def decide(self, call_id: CallId) -> None:
        """Write down what became of a call's recording. Raises TooEarly while that is open."""
        call = await self._calls.get(call_id)
        if call.deletion is not None:
            await self._discard(call)
            await self._storage.remove(key_of(call))  # LiveKit may have forgotten who wrote it
        elif not call.assistant.recording_enabled:
            return
        elif call.status in UNDER_WAY:
            await self._check(call)
        elif call.answered_at is None:
            await self._discard(call)
        elif call.recording.status not in DECIDED:
            await self._finish(call)

    async def _check(self, call: Call) -> None:
        """The call goes on; has its egress died?"""
        if call.recording.egress_id is None or call.recording.starting_at != call.starting_at:
            return
        view = await self._egress.find(call.room_name, call.recording.egress_id)
        if view is not None and view.state is EgressState.FAILED:
            await self._fail(call, Failure.EGRESS_FAILED)

    async def _discard(self, call: Call) -> None:
        """Nobody answered, or nothing is to be kept: end the egress, and remove its file."""
        view = await self._egress.find(call.room_name, call.recording.egress_id)
        if view is None:
            return
        if view.state is EgressState.RUNNING:
            await self._egress.stop(view.egress_id)
            await self._ended(call, view)
        forgotten = await self._calls.note(
            call.call_id,
            when=lambda call: call.recording.egress_id in {None, view.egress_id},
            derived=lambda _: {"recording": Recording()},
        )
        if forgotten is not None:  # else the file is the next attempt's
            await self._storage.remove(key_of(call))
            log.info("recording discarded", call_id=call.call_id)

    async def _finish(self, call: Call) -> None:
        view = await self._of_this_start(call)
        if view is None:
            await self._fail(call, Failure.NOT_STARTED)
            return
        await self._note(
            call,
            None,
            status=RecordingStatus.PROCESSING,
            starting_at=call.starting_at,
            egress_id=view.egress_id,
            key=key_of(call),
        )
        ended = await self._ended(call, view)
        if ended is None:
            await self._fail(call, Failure.EGRESS_LOST)
        elif ended.state is EgressState.FAILED:
            await self._fail(call, Failure.EGRESS_FAILED)
        else:
            await self._verify(call, ended)

    async def _of_this_start(self, call: Call) -> EgressView | None:
        """Find the egress of the start that was answered; an earlier one has heard a phone ring, and nobody."""
        if call.recording.starting_at == call.starting_at:
            return await self._egress.find(call.room_name, call.recording.egress_id)
        latest = await self._egress.find(call.room_name)
        return None if latest is None or latest.egress_id == call.recording.egress_id else latest

    async def _ended(self, call: Call, view: EgressView) -> EgressView | None:
        """Wait for the end of an egress; None when it has been silent too long. Raises TooEarly while it may come."""
        pause, until = FIRST_PAUSE_SECONDS, now() + self._settings.look_for
        while view.state is EgressState.RUNNING:
            if self._overdue(call):
                return None
            if now() >= until:
                await self._egress.stop(view.egress_id)
                raise TooEarly("the egress is still writing")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            view = await self._egress.find(call.room_name, view.egress_id) or view
        return view

    async def _verify(self, call: Call, view: EgressView) -> None:
        """Publish the path of a file only after the file was seen in the bucket."""
        try:
            size = await self._storage.size(key_of(call))
        except StorageUnavailable:
            if not self._overdue(call):
                raise
            await self._fail(call, Failure.STORAGE_UNAVAILABLE)
            return
        if not size:
            await self._fail(call, Failure.FILE_MISSING)
            return
        told = {
            "path": self._storage.path(key_of(call)),
            "size_bytes": size,
            "duration_seconds": view.duration_seconds or 0.0,
        }
        offset = _answer_offset(call, view)
        ready = {**told, "status": RecordingStatus.READY, "started_at": view.started_at, "error": None}
        if await self._note(call, RecordingReady, told, **ready, answer_offset_seconds=offset):
            log.info("recording ready", call_id=call.call_id, size_bytes=size)

    async def _fail(self, call: Call, failure: Failure) -> None:
        if await self._note(call, RecordingFailed, {"error": failure}, status=RecordingStatus.FAILED, error=failure):
            log.warning("recording failed", call_id=call.call_id, error=failure)

    async def _note(
        self, call: Call, event: type[Event] | None, told: dict[str, object] | None = None, **facts: object
    ) -> bool:
        """Write facts of the recording and say the event, unless it was decided or deleted meanwhile."""
        noted = await self._calls.note(
            call.call_id,
            event,
            details=told,
            when=lambda call: call.recording.status not in DECIDED and call.deletion is None,
            derived=lambda call: {"recording": call.recording.model_copy(update=facts)},
        )
        if noted is not None and event is not None:
            await self._relay.flush(call.call_id)
        return noted is not None

    async def _running(self, call: Call) -> str | None:
        """Return the egress that records this start of the call already; one of an earlier start is about to end."""
        view = await self._egress.find(call.room_name)
        if view is None or view.state is not EgressState.RUNNING:
            return None
        is_earlier = call.recording.egress_id == view.egress_id and call.recording.starting_at != call.starting_at
        return None if is_earlier else view.egress_id

    def _overdue(self, call: Call) -> bool:
        return call.ended_at is not None and now() - call.ended_at >= self._settings.give_up_after


def _answer_offset(call: Call, view: EgressView) -> float | None:
    """Return where in the file the callee answered."""
    if call.answered_at is None or view.started_at is None:
        return None
    return round((call.answered_at - view.started_at).total_seconds(), 3)
