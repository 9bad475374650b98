"""Reading a journal from a place on, and waiting at its end for more.

There is one source, so nothing is lost or doubled between what was and what is: a wake-up only says that it is time to
look. A reader holds one page of it, however far behind it is.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import anyio
import structlog
from sse_starlette import ServerSentEvent

from parley_api.services import Services
from parley_common.analyses import AnalysisStatus
from parley_common.clock import now
from parley_common.db.journal import KEPT, Entry
from parley_common.errors import Transient
from parley_common.events import AnalysisFailed, AnalysisReady, CallEnded, RecordingFailed, RecordingReady
from parley_common.ids import CallId, OwnerId
from parley_common.lifecycle import TERMINAL
from parley_common.recordings import RecordingStatus

log = structlog.get_logger()

PAGE = 100
LOOK_EVERY = timedelta(seconds=5)
"""How soon a reader looks by itself: RabbitMQ may be away, or a wake-up lost."""

RECHECK_EVERY = timedelta(seconds=15)
"""How long a reader goes on without a look at its key; with LOOK_EVERY, how long it outlives a key that was revoked."""

_OF_RECORDING = {RecordingStatus.READY: RecordingReady.name(), RecordingStatus.FAILED: RecordingFailed.name()}
_OF_ANALYSIS = {AnalysisStatus.READY: AnalysisReady.name(), AnalysisStatus.FAILED: AnalysisFailed.name()}


@dataclass(frozen=True)
class View:
    """What a reader may see, and by which key: all events of an owner, or those of one call."""

    owner: OwnerId
    key_id: str
    call_id: CallId | None = None


class Leave:
    """A key's leave to read on."""

    def __init__(self, services: Services, view: View) -> None:
        self._services, self._view = services, view
        self._asked_at = time.monotonic()

    async def holds(self) -> bool:
        """Say whether the key is valid, or was within RECHECK_EVERY; without a database there is nothing to read."""
        if time.monotonic() - self._asked_at < RECHECK_EVERY.total_seconds():
            return True
        self._asked_at = time.monotonic()
        try:
            return await self._services.keys.is_valid(self._view.owner, self._view.key_id)
        except Transient:
            return True


async def follow(
    services: Services, view: View, position: int, woken: asyncio.Event, closing: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    """Yield what follows a position, until the call has no more to tell, the key ends or this process stops."""
    over, leave = False, Leave(services, view)
    while not closing.is_set() and await leave.holds():
        woken.clear()
        entries, ended = await _look(services, view, position)
        for entry in entries:
            if not await leave.holds():
                return
            yield ServerSentEvent(id=entry.event_id, event=entry.event_type, data=entry.body)
            position = entry.position
        if over and not entries:
            return
        over = ended
        if not (over or entries):
            await _nap(woken, closing)


async def has_ended(services: Services, view: View) -> bool:
    """Say whether everything that will ever be told about the view's call stands in the journal."""
    if view.call_id is None:
        return False
    call = await services.calls.find(view.owner, view.call_id)
    if call is None:
        return True
    if call.status not in TERMINAL or call.ended_at is None:
        return False
    if call.ended_at < now() - KEPT:
        return True
    if call.awaits_recording or call.awaits_analysis:
        return False
    last = {_OF_RECORDING.get(call.recording.status), _OF_ANALYSIS.get(call.analysis_status)} - {None}
    return {CallEnded.name(), *last} <= await services.journal.types_of(view.owner, view.call_id)


async def _look(services: Services, view: View, position: int) -> tuple[list[Entry], bool]:
    """Read a page, and behind the last one whether the call has ended; while the database is away there is nothing."""
    try:
        entries = await services.journal.after(view.owner, position, call_id=view.call_id, limit=PAGE)
        return entries, not entries and await has_ended(services, view)
    except Transient as error:
        log.warning("stream waits for the database", error=type(error).__name__)
        return [], False


async def _nap(woken: asyncio.Event, closing: anyio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in (woken, closing)]
    try:
        await asyncio.wait(waits, timeout=LOOK_EVERY.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
