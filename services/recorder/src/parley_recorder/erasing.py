"""What is removed: all of a call's data at its owner's word, and recordings whose time is over.

Both are wishes that stand in the calls themselves, so whoever dies in the middle is followed by any replica that looks
next: removing twice does no harm, and nothing is called done before it was seen gone.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

import structlog

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.deliveries import Deliveries
from parley_common.db.journal import Journal
from parley_common.db.retention import Retention
from parley_common.db.transcripts import Transcripts
from parley_common.deletions import DeletionStatus, Removed
from parley_common.errors import ParleyError, TooEarly
from parley_common.events import CallDeleted
from parley_common.ids import CallId
from parley_common.recordings import Recording, RecordingStatus
from parley_common.relay import Relay
from parley_common.stubs import stub_of
from parley_recorder.egress import Egress, EgressState
from parley_recorder.settings import RecorderSettings
from parley_recorder.storage import Storage, key_of

log = structlog.get_logger()

SWEEP_INTERVAL_SECONDS = 1.0


@dataclass(frozen=True)
class Eraser:
    """Removes what is not to be kept, wherever it is kept."""

    calls: Calls
    retention: Retention
    transcripts: Transcripts
    deliveries: Deliveries
    journal: Journal
    relay: Relay
    egress: Egress
    storage: Storage
    settings: RecorderSettings

    async def sweep_forever(self) -> None:
        """Look every second; any number of replicas may."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)
            try:
                await self.sweep()
            except ParleyError as error:
                log.warning("deletions left for later", error=type(error).__name__)

    async def sweep(self) -> None:
        """Remove whatever is due; what cannot be removed now keeps nothing else from it."""
        for call_id in await self.retention.awaiting_deletion():
            await self._quietly(call_id, self.erase(call_id))
        if days := self.settings.keep_recordings:
            for call_id in await self.retention.recorded_before(now() - days):
                await self._quietly(call_id, self.expire(call_id))

    async def _quietly(self, call_id: CallId, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ParleyError as error:
            log.warning("deletion left for later", call_id=call_id, error=type(error).__name__)

    async def erase(self, call_id: CallId) -> None:
        """Remove a call's data, see it gone, and say so once. Raises Transient when that has to wait."""
        call = await self.calls.get(call_id)
        await self._end_egress(call)
        await self._survey(call)
        await self.deliveries.withdraw(call_id)
        await self.transcripts.forget(call_id)
        await self.journal.blank(call_id)
        await self._remove_recording(call)
        gone_at = now()
        if await self.calls.note(
            call_id,
            CallDeleted,
            when=_is_pending,
            derived=lambda call: (
                stub_of(call)
                | _deletion(call, status=DeletionStatus.COMPLETED, recording_gone_at=gone_at, completed_at=now())
            ),
        ):
            log.info("call data deleted", call_id=call_id)
            await self.relay.flush(call_id)

    async def expire(self, call_id: CallId) -> None:
        """Remove a recording that was kept long enough."""
        call = await self.calls.get(call_id)
        await self._remove_recording(call)
        await self.calls.note(
            call_id,
            when=lambda call: call.recording.status is RecordingStatus.READY,
            recording=Recording(status=RecordingStatus.EXPIRED),
        )
        log.info("recording expired", call_id=call_id)

    async def _end_egress(self, call: Call) -> None:
        """Make sure that nobody writes the file any more. Raises TooEarly while somebody may."""
        written = call.recording.status is RecordingStatus.READY
        view = None if written else await self.egress.find(call.room_name)
        if view is None or view.state is not EgressState.RUNNING:
            return
        await self.egress.stop(view.egress_id)
        if call.ended_at is None or now() - call.ended_at < self.settings.give_up_after:
            raise TooEarly("the egress is still writing")

    async def _survey(self, call: Call) -> None:
        """Write down what there is, once: after a death in the middle there would be less to count."""
        removed = Removed(
            transcript_turns=len(call.transcript),
            transcript_chunks=await self.transcripts.count(call.call_id),
            webhook_deliveries=await self.deliveries.count_about(call.call_id),
            recording_bytes=await self.storage.size(key_of(call)),
        )
        await self.calls.note(
            call.call_id,
            when=lambda call: call.deletion is not None and call.deletion.removed is None,
            derived=lambda call: _deletion(call, removed=removed),
        )

    async def _remove_recording(self, call: Call) -> None:
        """Raises TooEarly when the object is there all the same."""
        await self.storage.remove(key_of(call))
        if await self.storage.size(key_of(call)) is not None:
            raise TooEarly("the recording is still in the bucket")


def _is_pending(call: Call) -> bool:
    return call.deletion is not None and call.deletion.status is DeletionStatus.PENDING


def _deletion(call: Call, **facts: object) -> dict[str, object]:
    return {"deletion": call.deletion.model_copy(update=facts)} if call.deletion else {}
