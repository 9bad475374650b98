"""What the webhooks service hears."""

from typing import Annotated, Any

from faststream.rabbit import RabbitQueue, RabbitRouter

from parley_common import topology
from parley_common.broker import EVENTS, Given, parallel, queue
from parley_common.events import (
    CATALOGUE,
    AnalysisFailed,
    AnalysisReady,
    CallAnswered,
    CallAttemptFailed,
    CallDeleted,
    CallEnded,
    CallRequested,
    CallRinging,
    RecordingFailed,
    RecordingReady,
    TranscriptChunk,
)
from parley_webhooks.fanout import Fanout
from parley_webhooks.journaling import Scribe

router = RabbitRouter()


@router.subscriber(queue("webhooks", CallRequested), EVENTS, channel=parallel(20))
async def on_call_requested(event: CallRequested, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.tell(event)


@router.subscriber(queue("webhooks", CallRinging), EVENTS, channel=parallel(20))
async def on_call_ringing(event: CallRinging, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.tell(event)


@router.subscriber(queue("webhooks", CallAnswered), EVENTS, channel=parallel(20))
async def on_call_answered(event: CallAnswered, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.tell(event)


@router.subscriber(queue("webhooks", TranscriptChunk), EVENTS, channel=parallel(50))
async def on_transcript_chunk(event: TranscriptChunk, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.tell(event)


@router.subscriber(queue("webhooks", CallAttemptFailed), EVENTS, channel=parallel(20))
async def on_call_attempt_failed(event: CallAttemptFailed, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.tell(event)


@router.subscriber(queue("webhooks", CallEnded), EVENTS, channel=parallel(50))
async def on_call_ended(event: CallEnded, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.owe_report(event)


@router.subscriber(queue("webhooks", CallDeleted), EVENTS, channel=parallel(20))
async def on_call_deleted(event: CallDeleted, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.tell(event)


@router.subscriber(queue("webhooks", RecordingReady), EVENTS, channel=parallel(20))
async def on_recording_ready(event: RecordingReady, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.complete_report(event)


@router.subscriber(queue("webhooks", RecordingFailed), EVENTS, channel=parallel(20))
async def on_recording_failed(event: RecordingFailed, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.complete_report(event)


@router.subscriber(queue("webhooks", AnalysisReady), EVENTS, channel=parallel(20))
async def on_analysis_ready(event: AnalysisReady, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.complete_report(event)


@router.subscriber(queue("webhooks", AnalysisFailed), EVENTS, channel=parallel(20))
async def on_analysis_failed(event: AnalysisFailed, fanout: Annotated[Fanout, Given()]) -> None:
    await fanout.complete_report(event)


@router.subscriber(RabbitQueue(topology.JOURNAL_QUEUE, declare=False), EVENTS, channel=parallel(50))
async def on_public_event(event: dict[str, Any], scribe: Annotated[Scribe, Given()]) -> None:
    await scribe.note(CATALOGUE[event["type"]].model_validate(event))
