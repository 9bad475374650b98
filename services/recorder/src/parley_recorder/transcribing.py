"""What was said, written down as it is told live, so that it outlives the agent that heard it."""

from dataclasses import dataclass

import structlog

from parley_common.calls import Call, Utterance
from parley_common.db import Calls
from parley_common.db.transcripts import Transcripts
from parley_common.events import TranscriptChunk
from parley_common.ids import CallId
from parley_common.lifecycle import TERMINAL

log = structlog.get_logger()


@dataclass(frozen=True)
class Transcriber:
    """Keeps turns as they are told; the whole transcript comes with the end of the call, from whoever ends it."""

    calls: Calls
    transcripts: Transcripts

    async def keep(self, chunk: TranscriptChunk) -> None:
        """Keep what was said, unless its call was deleted; looking first would leave a gap."""
        await self.transcripts.store(chunk)
        if (await self.calls.get(chunk.call_id)).deletion is not None:
            await self.transcripts.forget(chunk.call_id)
        else:
            await self.complete(chunk.call_id)

    async def complete(self, call_id: CallId) -> None:
        """Add to the transcript of a call that is over what was stored too late for whoever ended it."""
        if not _is_finished(await self.calls.get(call_id)):
            return
        stored = await self.transcripts.of_call(call_id)
        completed = await self.calls.note(
            call_id,
            when=lambda call: _is_finished(call) and bool(_missing(call, stored)),
            derived=lambda call: {
                "transcript": sorted([*call.transcript, *_missing(call, stored)], key=lambda spoken: spoken.spoken_at)
            },
        )
        if completed is not None:
            log.info("transcript completed after the end", call_id=call_id, turns=len(completed.transcript))


def _is_finished(call: Call) -> bool:
    return call.status in TERMINAL and call.deletion is None


def _missing(call: Call, stored: list[Utterance]) -> list[Utterance]:
    known = {spoken.item_id for spoken in call.transcript}
    return [spoken for spoken in stored if spoken.item_id not in known]
