"""What the dialer hears."""

from typing import Annotated

from faststream import Context
from faststream.rabbit import RabbitRouter

from parley_common.broker import EVENTS, parallel, queue
from parley_common.events import AgentReady, CallEnded, CallRequested, ParticipantLeft, RoomFinished
from parley_dialer.dialing import Dialer
from parley_dialer.reconciling import Reconciler
from parley_dialer.settings import DialerSettings
from parley_dialer.telephony import Telephony


def router(settings: DialerSettings) -> RabbitRouter:
    """Bind the dialer's handlers; a held AgentReady is a ringing phone, so its prefetch is the number of dials."""
    bound = RabbitRouter()
    few = parallel(10)

    @bound.subscriber(queue("dialer", CallRequested), EVENTS, channel=few)
    async def on_call_requested(_event: CallRequested, dialer: Annotated[Dialer, Context()]) -> None:
        await dialer.start_due()

    @bound.subscriber(queue("dialer", AgentReady), EVENTS, channel=parallel(settings.parallel_dials))
    async def on_agent_ready(event: AgentReady, dialer: Annotated[Dialer, Context()]) -> None:
        await dialer.place(event.call_id)

    @bound.subscriber(queue("dialer", CallEnded), EVENTS, channel=few)
    async def on_call_ended(event: CallEnded, telephony: Annotated[Telephony, Context()]) -> None:
        await telephony.close_room(event.room_name)

    @bound.subscriber(queue("dialer", ParticipantLeft), EVENTS, channel=few)
    async def on_participant_left(event: ParticipantLeft, reconciler: Annotated[Reconciler, Context()]) -> None:
        await reconciler.expect_change(event.call_id, settings.reappearance_grace)

    @bound.subscriber(queue("dialer", RoomFinished), EVENTS, channel=few)
    async def on_room_finished(event: RoomFinished, reconciler: Annotated[Reconciler, Context()]) -> None:
        await reconciler.expect_change(event.call_id, settings.reappearance_grace)

    return bound
