"""A turn that was told live is in the call's transcript, whoever ended the call, and whenever the turn comes."""

from datetime import timedelta
from typing import Any

import pytest

from parley_common.calls import Call, Speaker, Utterance
from parley_common.clock import now
from parley_common.db import Database
from parley_common.events import TranscriptChunk
from parley_common.lifecycle import CallStatus, EndReason
from tests import factories
from tests.support.studio import ANSWERED, Studio


@pytest.fixture
def studio(database: Database) -> Studio:
    return Studio(database)


def turns(count: int) -> list[Utterance]:
    begun = now()
    return [
        factories.utterance(
            item_id=f"item_{turn}",
            speaker=Speaker.USER if turn % 2 else Speaker.AGENT,
            text=f"Turn {turn}.",
            spoken_at=begun + timedelta(seconds=turn),
        )
        for turn in range(count)
    ]


def ended_with(transcript: list[Utterance]) -> dict[str, Any]:
    return ANSWERED | {
        "status": CallStatus.FAILED,
        "end_reason": EndReason.AGENT_LOST,
        "ended_at": now(),
        "transcript": transcript,
    }


async def hear(studio: Studio, call: Call, spoken: Utterance) -> None:
    await studio.transcriber.keep(TranscriptChunk.of(call, **spoken.model_dump()))


async def test_turn_that_comes_after_the_end_stands_where_it_was_said(studio: Studio) -> None:
    first, late, last = turns(3)
    call = await studio.place(**ended_with([first, last]))
    await hear(studio, call, late)
    assert (await studio.calls.get(call.call_id)).transcript == [first, late, last]


async def test_turn_that_was_stored_while_the_end_was_written_is_added_when_the_end_is_told(studio: Studio) -> None:
    first, stored = turns(2)
    call = await studio.place(**ANSWERED)
    await hear(studio, call, stored)
    await studio.calls.advance(call.call_id, CallStatus.FAILED, **ended_with([first]))
    await studio.transcriber.complete(call.call_id)
    assert (await studio.calls.get(call.call_id)).transcript == [first, stored]


async def test_transcript_that_has_every_turn_is_left_as_its_agent_wrote_it(studio: Studio) -> None:
    told, last = turns(2)
    cut = told.model_copy(update={"text": "Tur", "interrupted": True})
    call = await studio.place(**ended_with([cut, last]))
    await hear(studio, call, told)
    await studio.transcriber.complete(call.call_id)
    after = await studio.calls.get(call.call_id)
    assert (after.transcript, after.version) == ([cut, last], call.version)


async def test_conversation_that_goes_on_has_its_transcript_only_at_its_end(studio: Studio) -> None:
    (spoken,) = turns(1)
    call = await studio.place(**ANSWERED)
    await hear(studio, call, spoken)
    assert (await studio.calls.get(call.call_id)).transcript == []
    assert await studio.transcripts.of_call(call.call_id) == [spoken]
