"""What the recorder hears."""

from typing import Annotated

from faststream.rabbit import RabbitRouter

from parley_common.broker import EVENTS, Given, parallel, queue
from parley_common.events import (
    AgentReady,
    AnalysisRequested,
    CallAttemptFailed,
    CallEnded,
    EgressEnded,
    TranscriptChunk,
)
from parley_recorder.analyzing import Analyzer
from parley_recorder.recording import Recorder
from parley_recorder.transcribing import Transcriber

router = RabbitRouter()


@router.subscriber(queue("recorder", AgentReady), EVENTS, channel=parallel(50))
async def on_agent_ready(event: AgentReady, recorder: Annotated[Recorder, Given()]) -> None:
    await recorder.start(event.call_id)


@router.subscriber(queue("recorder", CallAttemptFailed), EVENTS, channel=parallel(50))
async def on_call_attempt_failed(event: CallAttemptFailed, recorder: Annotated[Recorder, Given()]) -> None:
    await recorder.decide(event.call_id)


@router.subscriber(queue("recorder", CallEnded), EVENTS, channel=parallel(50))
async def on_call_ended(
    event: CallEnded,
    recorder: Annotated[Recorder, Given()],
    transcriber: Annotated[Transcriber, Given()],
    analyzer: Annotated[Analyzer, Given()],
) -> None:
    await transcriber.complete(event.call_id)
    await analyzer.request(event.call_id)
    await recorder.decide(event.call_id)


@router.subscriber(queue("recorder", EgressEnded), EVENTS, channel=parallel(50))
async def on_egress_ended(event: EgressEnded, recorder: Annotated[Recorder, Given()]) -> None:
    await recorder.decide(event.call_id)


@router.subscriber(queue("recorder", TranscriptChunk), EVENTS, channel=parallel(50))
async def on_transcript_chunk(event: TranscriptChunk, transcriber: Annotated[Transcriber, Given()]) -> None:
    await transcriber.keep(event)


@router.subscriber(queue("recorder", AnalysisRequested), EVENTS, channel=parallel(50))
async def on_analysis_requested(event: AnalysisRequested, analyzer: Annotated[Analyzer, Given()]) -> None:
    await analyzer.analyze(event)
