"""The life of one dial: when a call starts, when its phone rings, what the outcome means.

At most one INVITE an attempt: the attempt is written to the call before the request leaves, and a redelivery that
finds the call dialing only looks at the room.
"""

import asyncio
from datetime import timedelta

import structlog

from parley_common.calls import OUTCOMES, Attempt, Call, CallStatus, EndReason, ending
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.errors import LiveKitUnavailable
from parley_common.events import CallAnswered, CallEnded
from parley_common.ids import CallId, new_attempt_id
from parley_common.outbox import Relay
from parley_common.settings import CallTimes
from parley_dialer.telephony import (
    Answered,
    DialOutcome,
    NotSent,
    PhoneState,
    RangOut,
    Refused,
    Telephony,
    Unknown,
)

log = structlog.get_logger()

LOOK_INTERVAL_SECONDS = 0.5


class Dialer:
    """Starts due calls and places them on their trunk."""

    def __init__(self, calls: Calls, relay: Relay, telephony: Telephony, times: CallTimes, requeue: timedelta) -> None:
        self._calls = calls
        self._relay = relay
        self._telephony = telephony
        self._times = times
        self._requeue_delay = requeue

    async def start_due(self) -> bool:
        """Take the oldest due call and send for its agent; False when none is due."""
        call = await self._calls.claim_due(now() + self._times.agent_ready_timeout)
        if call is None:
            return False
        try:
            await self._telephony.open_room(call)
        except LiveKitUnavailable:
            log.warning("room not opened, call waits", call_id=call.call_id)
            await self.requeue(call)
            return False
        log.info("call starting", call_id=call.call_id, dispatches=call.dispatches)
        return True

    async def place(self, call_id: CallId) -> None:
        """Ring the phone of a call whose agent is ready."""
        attempt = Attempt(attempt_id=new_attempt_id(), dialed_at=now())
        call = await self._calls.advance(
            call_id,
            CallStatus.DIALING,
            within={CallStatus.STARTING},
            derived=lambda call: {
                "attempts": [*call.attempts, attempt],
                "deadline_at": attempt.dialed_at + self._ringing_time(call),
            },
        )
        if call is None:
            await self.take_up(call_id)
            return
        log.info("dialing", call_id=call_id, attempt_id=attempt.attempt_id)
        await self.settle(call, await self._telephony.dial(call, attempt))

    async def take_up(self, call_id: CallId) -> None:
        """Find out how a dial went whose own waiter died. Never dials."""
        call = await self._calls.get(call_id)
        while call.status is CallStatus.DIALING:
            view = await self._telephony.look(call.room_name, call.attempt)
            match view.phone:
                case PhoneState.ACTIVE:
                    await self.settle(call, Answered())
                case PhoneState.ABSENT:
                    await self.settle(call, Unknown())
                case _ if now() >= call.deadline_at:
                    await self.settle(call, RangOut())
                case _:
                    await asyncio.sleep(LOOK_INTERVAL_SECONDS)
            call = await self._calls.get(call_id)

    async def settle(self, call: Call, outcome: DialOutcome) -> None:
        """Write down what came of a dial."""
        match outcome:
            case Answered():
                await self._answered(call)
            case Refused(reason, sip_status_code):
                await self.end(call.call_id, reason, within={CallStatus.DIALING}, sip_status_code=sip_status_code)
            case RangOut():
                await self._rang_out(call)
            case NotSent():
                await self.requeue(call)
            case Unknown():
                await self._unknown(call)

    async def end(
        self,
        call_id: CallId,
        reason: EndReason,
        *,
        within: set[CallStatus],
        sip_status_code: int | None = None,
        **facts: object,
    ) -> bool:
        """Write the final state, if nobody else has, and leave the room to nobody."""
        moment = now()
        ended = await self._calls.advance(
            call_id,
            OUTCOMES[reason][0],
            CallEnded,
            within=within,
            derived=lambda call: ending(call, reason, moment, sip_status_code=sip_status_code),
            **facts,
        )
        if ended is None:
            return False
        log.info("call ended", call_id=call_id, status=ended.status, reason=reason, sip_status_code=sip_status_code)
        await self._relay.flush(call_id)
        return True

    async def requeue(self, call: Call) -> None:
        """Put a call back whose phone certainly did not ring."""
        await self._calls.advance(
            call.call_id,
            CallStatus.QUEUED,
            within={call.status},
            due_at=now() + self._requeue_delay,
            deadline_at=call.expires_at,
            attempts=call.attempts[:-1] if call.status is CallStatus.DIALING else call.attempts,
        )

    async def _answered(self, call: Call) -> None:
        moment = now()
        answered = await self._calls.advance(
            call.call_id,
            CallStatus.IN_PROGRESS,
            CallAnswered,
            within={CallStatus.DIALING},
            derived=lambda call: {
                "answered_at": moment,
                "attempts": call.attempt_with(answered_at=moment),
                "deadline_at": moment + self._times.agent_lease,
            },
        )
        if answered is not None:
            log.info("call answered", call_id=call.call_id)
            await self._relay.flush(call.call_id)

    async def _rang_out(self, call: Call) -> None:
        """The agent in the room has seen whether the phone rang; a trunk that never said so is dead."""
        seen = (await self._calls.get(call.call_id)).attempt
        rang = seen is not None and seen.ringing_at is not None
        reason = EndReason.NO_ANSWER if rang else EndReason.TRUNK_UNREACHABLE
        await self.end(call.call_id, reason, within={CallStatus.DIALING})

    async def _unknown(self, call: Call) -> None:
        view = await self._telephony.look(call.room_name, call.attempt)
        match view.phone:
            case PhoneState.ACTIVE:
                await self._answered(call)
            case PhoneState.ABSENT:
                await self.end(call.call_id, EndReason.DIAL_OUTCOME_UNKNOWN, within={CallStatus.DIALING})
            case _:
                log.warning("dial outcome unknown, phone still rings", call_id=call.call_id)
                await self.take_up(call.call_id)

    def _ringing_time(self, call: Call) -> timedelta:
        return timedelta(seconds=call.assistant.limits.ringing_timeout_seconds) + self._times.dial_grace
