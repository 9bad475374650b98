"""What becomes of a call whose deadline has passed: look at LiveKit, then decide. No call stays open for ever."""

from datetime import timedelta

import structlog

from parley_common.calls import Call, CallStatus, EndReason
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.transcripts import Transcripts
from parley_common.errors import Transient
from parley_common.ids import CallId
from parley_common.settings import CallTimes
from parley_dialer.dialing import Dialer
from parley_dialer.telephony import PhoneState, Telephony

log = structlog.get_logger()


class Reconciler:
    """Visits overdue calls, one rule for each state."""

    def __init__(
        self, calls: Calls, transcripts: Transcripts, telephony: Telephony, dialer: Dialer, times: CallTimes
    ) -> None:
        self._calls = calls
        self._transcripts = transcripts
        self._telephony = telephony
        self._dialer = dialer
        self._times = times

    async def visit_overdue(self) -> None:
        """Decide about each overdue call; one that fails does not keep the others waiting."""
        for call in await self._calls.overdue(now()):
            try:
                await self._visit(call)
            except Transient as error:
                log.warning("overdue call left for later", call_id=call.call_id, error=type(error).__name__)

    async def expect_change(self, call_id: CallId, within: timedelta) -> None:
        """Somebody left the room: look at the call soon. A LiveKit restart looks the same, so `within` is not short."""
        moment = now() + within
        await self._calls.note(
            call_id,
            when=lambda call: call.status is CallStatus.IN_PROGRESS and call.deadline_at > moment,
            deadline_at=moment,
        )

    async def _visit(self, call: Call) -> None:
        log.info("call overdue", call_id=call.call_id, status=call.status)
        match call.status:
            case CallStatus.QUEUED:
                await self._dialer.end(call.call_id, EndReason.AGENT_UNAVAILABLE, within={CallStatus.QUEUED})
            case CallStatus.STARTING:
                await self._starting(call)
            case CallStatus.DIALING:
                await self._dialer.take_up(call.call_id)
            case CallStatus.IN_PROGRESS:
                await self._in_progress(call)

    async def _starting(self, call: Call) -> None:
        """The agent did not come, or came and its dial never began."""
        if call.agent_ready_at is not None and not call.attempts:
            await self._dialer.place(call.call_id)
        elif now() < call.expires_at:
            await self._dialer.requeue(call)
        else:
            await self._dialer.end(call.call_id, EndReason.AGENT_UNAVAILABLE, within={CallStatus.STARTING})

    async def _in_progress(self, call: Call) -> None:
        """Extend a call that is alive; end one that lost its agent, its phone or its room."""
        view = await self._telephony.look(call.room_name, call.attempt)
        agent_present = call.agent_identity in view.agents
        if agent_present and view.phone is not PhoneState.ABSENT:
            await self._calls.note(
                call.call_id,
                when=lambda call: call.status is CallStatus.IN_PROGRESS,
                deadline_at=now() + self._times.agent_lease,
            )
            return
        reason = EndReason.AGENT_LOST if view.exists else EndReason.ROOM_LOST
        said = await self._transcripts.of_call(call.call_id)
        await self._dialer.end(call.call_id, reason, within={CallStatus.IN_PROGRESS}, transcript=said)
