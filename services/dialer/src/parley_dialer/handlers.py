"""What the dialer hears."""

from typing import Annotated

from faststream.rabbit import RabbitRouter

from parley_common.broker import EVENTS, Given, parallel, queue
from parley_common.db.lines import Lines
from parley_common.events import (
    AgentLost,
    AgentReady,
    CallAttemptFailed,
    CallEnded,
    CallRequested,
    CancelRequested,
    ParticipantLeft,
    RoomFinished,
    RoomReopened,
)
from parley_dialer.dialing import Dialer
from parley_dialer.reconciling import Reconciler
from parley_dialer.replacing import Replacement
from parley_dialer.settings import DialerSettings
from parley_dialer.starting import Starter


def router(settings: DialerSettings) -> RabbitRouter:
    """Bind the dialer's handlers; a held AgentReady is a ringing phone, so its prefetch is the number of dials."""
    bound = RabbitRouter()
    few = parallel(10)

    @bound.subscriber(queue("dialer", CallRequested), EVENTS, channel=few)
    async def on_call_requested(
        event: CallRequested, lines: Annotated[Lines, Given()], starter: Annotated[Starter, Given()]
    ) -> None:
        await lines.wake(event.trunk_id, event.owner_id, event.due_at)
        starter.look()

    @bound.subscriber(queue("dialer", AgentReady), EVENTS, channel=parallel(settings.parallel_dials))
    async def on_agent_ready(event: AgentReady, dialer: Annotated[Dialer, Given()]) -> None:
        await dialer.place(event.call_id)

    @bound.subscriber(queue("dialer", AgentLost), EVENTS, channel=few)
    async def on_agent_lost(event: AgentLost, replacement: Annotated[Replacement, Given()]) -> None:
        await replacement.fill(event.call_id)

    @bound.subscriber(queue("dialer", CallAttemptFailed), EVENTS, channel=few)
    async def on_call_attempt_failed(
        event: CallAttemptFailed, reconciler: Annotated[Reconciler, Given()], starter: Annotated[Starter, Given()]
    ) -> None:
        await reconciler.close_unless_needed(event.call_id, event.room_name)
        starter.look()

    @bound.subscriber(queue("dialer", CancelRequested), EVENTS, channel=few)
    async def on_cancel_requested(event: CancelRequested, reconciler: Annotated[Reconciler, Given()]) -> None:
        await reconciler.hang_up(event.call_id, event.room_name)

    @bound.subscriber(queue("dialer", CallEnded), EVENTS, channel=few)
    async def on_call_ended(
        event: CallEnded, reconciler: Annotated[Reconciler, Given()], starter: Annotated[Starter, Given()]
    ) -> None:
        await reconciler.close_unless_needed(event.call_id, event.room_name)
        starter.look()

    @bound.subscriber(queue("dialer", ParticipantLeft), EVENTS, channel=few)
    async def on_participant_left(event: ParticipantLeft, reconciler: Annotated[Reconciler, Given()]) -> None:
        await reconciler.see_off(event)

    @bound.subscriber(queue("dialer", RoomFinished), EVENTS, channel=few)
    async def on_room_finished(event: RoomFinished, reconciler: Annotated[Reconciler, Given()]) -> None:
        await reconciler.expect_change(event.call_id)

    @bound.subscriber(queue("dialer", RoomReopened), EVENTS, channel=few)
    async def on_room_reopened(event: RoomReopened, reconciler: Annotated[Reconciler, Given()]) -> None:
        await reconciler.close_unless_needed(event.call_id, event.room_name)

    return bound
