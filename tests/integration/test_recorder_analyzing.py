"""Conclusions are drawn from a conversation once, whoever dies and whatever is away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from parley_common.analyses import Analysis, AnalysisFailure, AnalysisStatus, Findings
from parley_common.assistants import AnalysisPlan
from parley_common.calls import Call, Speaker
from parley_common.clock import now
from parley_common.db import Database
from parley_common.errors import ProviderUnavailable
from parley_common.events import AnalysisRequested, TranscriptChunk
from parley_common.lifecycle import CallStatus, EndReason
from parley_recorder import analyzing
from parley_recorder.analyzing import Analyzer
from tests import factories
from tests.support import archive
from tests.support.model_provider import ModelProvider, serving
from tests.support.studio import ANSWERED, Studio

SAID = "I need help with my order."


@pytest.fixture
async def provider() -> AsyncIterator[ModelProvider]:
    async with serving() as served:
        yield served


@pytest.fixture
def studio(database: Database) -> Studio:
    return Studio(database)


@pytest.fixture
def analyzer(studio: Studio, provider: ModelProvider) -> Analyzer:
    return Analyzer(studio.calls, studio.relay, provider.analyst)


def ended(model: str = "gpt-4.1-mini", *, enabled: bool = True, **facts: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "assistant": factories.assistant(analysis=AnalysisPlan(enabled=enabled, model=model)),
        "status": CallStatus.COMPLETED,
        "end_reason": EndReason.CALLEE_HANGUP,
        "ended_at": now(),
        "transcript": [factories.utterance(speaker=Speaker.USER, text=SAID)],
    }
    return ANSWERED | fields | facts


def asking(call: Call, ago: timedelta = timedelta()) -> AnalysisRequested:
    return AnalysisRequested.of(call, occurred_at=now() - ago)


async def requested(studio: Studio, analyzer: Analyzer, **facts: Any) -> Call:
    call = await studio.place(**ended(**facts))
    await analyzer.request(call.call_id)
    return await studio.calls.get(call.call_id)


async def told(studio: Studio, call: Call) -> list[dict[str, Any]]:
    pending = await studio.calls.outbox.lease(call.call_id)
    assert pending is not None
    return [event for event in pending.events if event["type"].startswith("analysis.")]


async def outcome(studio: Studio, call: Call) -> tuple[AnalysisStatus, AnalysisFailure | None]:
    after = await studio.calls.get(call.call_id)
    assert after.analysis is not None
    return after.analysis_status, after.analysis.error


async def test_conversation_is_analyzed_after_its_end(studio: Studio, analyzer: Analyzer) -> None:
    call = await requested(studio, analyzer, usage=[{"provider": "cartesia"}])
    assert call.analysis_status is AnalysisStatus.PROCESSING
    await analyzer.analyze(asking(call))
    after = await studio.calls.get(call.call_id)
    assert after.analysis is not None
    assert after.analysis.findings == Findings(summary=f'The callee said: "{SAID}"')
    assert [used["provider"] for used in after.usage] == ["cartesia", "openai"]
    assert [event["type"] for event in await told(studio, call)] == ["analysis.requested.v1", "analysis.ready.v1"]


async def test_end_that_is_told_twice_asks_once(studio: Studio, analyzer: Analyzer) -> None:
    call = await requested(studio, analyzer)
    await analyzer.request(call.call_id)
    assert len(await told(studio, call)) == 1


async def test_request_that_comes_twice_is_decided_once(studio: Studio, analyzer: Analyzer) -> None:
    call = await requested(studio, analyzer)
    await asyncio.gather(analyzer.analyze(asking(call)), analyzer.analyze(asking(call)))
    await analyzer.analyze(asking(call))
    assert len((await studio.calls.get(call.call_id)).usage) == 1
    assert len(await told(studio, call)) == 2


@pytest.mark.parametrize(
    "facts",
    [{"enabled": False}, {"answered_at": None}, {"status": CallStatus.IN_PROGRESS}],
    ids=["not wanted", "nobody answered", "goes on"],
)
async def test_nothing_is_asked_where_there_is_nothing_to_conclude(
    studio: Studio, analyzer: Analyzer, facts: dict[str, Any]
) -> None:
    call = await requested(studio, analyzer, **facts)
    assert call.analysis is None


async def test_request_waits_while_the_provider_is_away(
    studio: Studio, analyzer: Analyzer, provider: ModelProvider
) -> None:
    call = await requested(studio, analyzer)
    await provider.fail("refuse")
    with pytest.raises(ProviderUnavailable):
        await analyzer.analyze(asking(call, ago=timedelta(minutes=59)))
    assert await outcome(studio, call) == (AnalysisStatus.PROCESSING, None)
    await provider.recover()
    await analyzer.analyze(asking(call))
    assert await outcome(studio, call) == (AnalysisStatus.READY, None)


async def test_provider_that_stays_away_for_an_hour_ends_the_waiting(
    studio: Studio, analyzer: Analyzer, provider: ModelProvider
) -> None:
    call = await requested(studio, analyzer)
    await provider.fail("refuse")
    await analyzer.analyze(asking(call, ago=timedelta(hours=1)))
    assert await outcome(studio, call) == (AnalysisStatus.FAILED, AnalysisFailure.PROVIDER_UNAVAILABLE)
    failed = (await told(studio, call))[-1]
    assert (failed["type"], failed["error"]) == ("analysis.failed.v1", "provider_unavailable")


@pytest.mark.parametrize(
    ("facts", "failure"),
    [({"model": "parrot"}, AnalysisFailure.REFUSED), ({"transcript": []}, AnalysisFailure.NOTHING_SAID)],
    ids=["no such model", "nothing was said"],
)
async def test_analysis_that_cannot_be_made_says_why(
    studio: Studio, analyzer: Analyzer, facts: dict[str, Any], failure: AnalysisFailure
) -> None:
    call = await requested(studio, analyzer, **facts)
    await analyzer.analyze(asking(call, ago=analyzing.LAST_WORDS))
    assert await outcome(studio, call) == (AnalysisStatus.FAILED, failure)


async def test_call_that_was_deleted_meanwhile_gets_no_analysis(
    studio: Studio, analyzer: Analyzer, provider: ModelProvider
) -> None:
    call = await requested(studio, analyzer)
    await provider.fail("slow", seconds=0.5)
    analysis = asyncio.create_task(analyzer.analyze(asking(call)))
    await studio.calls.note(call.call_id, deletion=archive.deletion())
    await analysis
    assert (await studio.calls.get(call.call_id)).analysis == call.analysis
    await analyzer.analyze(asking(call))
    assert len(await told(studio, call)) == 1


@pytest.mark.parametrize("facts", [{"takeovers": 1}, {"transcript": []}], ids=["agent lost", "nothing known yet"])
async def test_last_words_are_waited_for_where_some_may_still_be_stored(
    studio: Studio, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]
) -> None:
    monkeypatch.setattr(analyzing, "LAST_WORDS", timedelta(seconds=0.5))
    call = await requested(studio, analyzer, ended_at=now() - timedelta(minutes=1), **facts)
    analysis = asyncio.create_task(analyzer.analyze(asking(call)))
    late = factories.utterance(item_id="item_late", speaker=Speaker.USER, text="Thank you.")
    await studio.transcriber.keep(TranscriptChunk.of(call, **late.model_dump()))
    await analysis
    after = await studio.calls.get(call.call_id)
    assert after.analysis is not None
    assert after.analysis.findings is not None
    assert "Thank you." in after.analysis.findings.summary


def test_analysis_is_open_until_it_is_decided() -> None:
    asked = Analysis(requested_at=now())
    assert asked.status is AnalysisStatus.PROCESSING
    assert asked.model_copy(update={"findings": Findings()}).status is AnalysisStatus.READY
    assert asked.model_copy(update={"error": AnalysisFailure.REFUSED}).status is AnalysisStatus.FAILED
