"""What the webhooks service hears."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter

from parley_common.broker import EVENTS, parallel, queue
from parley_common.events import CallEnded, RecordingFailed, RecordingReady
from parley_webhooks.fanout import Fanout

router = RabbitRouter()


@router.subscriber(queue("webhooks", CallEnded), EVENTS, channel=parallel(50))
async def on_call_ended(event: CallEnded, fanout: Annotated[Fanout, Context()]) -> None:
    await fanout.owe_report(event)


@router.subscriber(queue("webhooks", RecordingReady), EVENTS, channel=parallel(20))
async def on_recording_ready(event: RecordingReady, fanout: Annotated[Fanout, Context()]) -> None:
    await fanout.complete_report(event)


@router.subscriber(queue("webhooks", RecordingFailed), EVENTS, channel=parallel(20))
async def on_recording_failed(event: RecordingFailed, fanout: Annotated[Fanout, Context()]) -> None:
    await fanout.complete_report(event)
