"""The life of one dial: when a room is made, when its phone rings, what the outcome means.

At most one INVITE an attempt: the attempt is written to the call before the request leaves, and a redelivery that
finds the call dialing only looks at the room.
"""

import asyncio
from datetime import datetime, timedelta

import stamina
import structlog

from parley_common.calls import Attempt, Call, answering
from parley_common.clock import now
from parley_common.errors import LiveKitUnavailable, Transient
from parley_common.events import CallAnswered
from parley_common.ids import CallId, new_attempt_id
from parley_common.lifecycle import TERMINAL, UNDER_WAY, CallStatus, EndReason
from parley_common.trunks import TrunkLimits
from parley_dialer.admitting import interval
from parley_dialer.concluding import Conclusions
from parley_dialer.ringing import note_ringing
from parley_dialer.services import Services
from parley_dialer.telephony import (
    Answered,
    DialOutcome,
    NotSent,
    PhoneState,
    RangOut,
    Refused,
    Unknown,
)

log = structlog.get_logger()

LOOK_INTERVAL_SECONDS = 0.5
SETTLE_PATIENCE_SECONDS = 240.0
_LEFT_RINGING = {"user_unavailable": EndReason.NO_ANSWER, "user_rejected": EndReason.DECLINED}


class Dialer:
    """Opens rooms for admitted calls and rings their phones."""

    def __init__(self, services: Services, conclusions: Conclusions) -> None:
        self._services = services
        self._times = services.settings.times
        self._conclusions = conclusions
        self._dials: set[asyncio.Task[None]] = set()

    async def start(self, call: Call) -> None:
        """Send for the agent of a call that was admitted; the call waits again when LiveKit does not answer."""
        try:
            await self._services.telephony.open_room(call)
        except LiveKitUnavailable:
            log.warning("room not opened, call waits", call_id=call.call_id)
            await self._conclusions.requeue(call)
            return
        log.info("call starting", call_id=call.call_id, dispatches=call.dispatches)
        if (await self._services.calls.get(call.call_id)).status in TERMINAL:  # canceled while its room was made
            await self._services.telephony.close_room(call.room_name)

    async def place(self, call_id: CallId) -> None:
        """Ring the phone of a call whose agent is ready, when its trunk's rate allows."""
        found = await self._services.calls.get(call_id)
        if found.status is CallStatus.STARTING and found.agent_identity is not None:
            await self._wait_for_turn(found)
        attempt = Attempt(attempt_id=new_attempt_id(), dialed_at=now())
        call = await self._services.calls.advance(
            found,
            CallStatus.DIALING,
            within={CallStatus.STARTING},
            when=lambda call: call.agent_identity is not None,
            derived=lambda call: {
                "attempts": [*call.attempts, attempt],
                "deadline_at": attempt.dialed_at + self._ringing_time(call),
            },
        )
        if call is None:
            await self.take_up(call_id)
            return
        log.info("dialing", call_id=call_id, attempt_id=attempt.attempt_id)
        dial = asyncio.create_task(self._dial(call, attempt))
        self._dials.add(dial)
        dial.add_done_callback(self._dials.discard)
        await asyncio.shield(dial)

    async def take_up(self, call_id: CallId) -> None:
        """Find out how a dial went whose own waiter died, or whose phone is to stop ringing. Never dials."""
        call = await self._services.calls.get(call_id)
        seen_at, hung_up = now(), False
        while call.status is CallStatus.DIALING:
            view = await self._services.telephony.look(call.room_name, call.attempt)
            if view.phone is not PhoneState.ABSENT:
                seen_at = now()
            await note_ringing(self._services, call, view)
            match view.phone:
                case PhoneState.ACTIVE:
                    await self.settle(call, Answered())
                case PhoneState.ABSENT if now() - seen_at >= self._services.settings.reappearance_grace:
                    await self._never_heard_of(call, hung_up=hung_up)
                case PhoneState.DIALING | PhoneState.RINGING if now() >= call.deadline_at:
                    hung_up = await self._hang_up(call)
                case _:
                    await asyncio.sleep(LOOK_INTERVAL_SECONDS)
            call = await self._services.calls.get(call_id)

    async def _dial(self, call: Call, attempt: Attempt) -> None:
        """Ring and settle; goes on when a connection to RabbitMQ breaks, which cancels whoever handles a delivery."""
        await self._settle_persistently(call, await self._services.telephony.dial(call, attempt))

    @stamina.retry(on=Transient, attempts=None, timeout=SETTLE_PATIENCE_SECONDS, wait_max=5.0)
    async def _settle_persistently(self, call: Call, outcome: DialOutcome) -> None:
        """Nobody but us knows the outcome: wait with it for a database that is away."""
        await self.settle(call, outcome)

    async def settle(self, call: Call, outcome: DialOutcome) -> None:
        """Write down what came of a dial."""
        match outcome:
            case Answered():
                await self.answered(call, now())
                await self._services.lines.speed_up(call.trunk_id)
            case Refused(reason, sip_status_code):
                await self._conclusions.conclude(call, reason, sip_status_code)
            case RangOut():
                await self._rang_out(call)
            case NotSent():
                await self._conclusions.requeue(call)
            case Unknown():
                log.warning("dial outcome unknown", call_id=call.call_id)
                await self.take_up(call.call_id)

    async def _hang_up(self, call: Call) -> bool:
        """Stop a phone that rings too long, or in vain, and leave time for word that it was picked up."""
        reached = await self._services.telephony.close_room(call.room_name)
        await asyncio.sleep(LOOK_INTERVAL_SECONDS)
        return reached

    async def _never_heard_of(self, call: Call, *, hung_up: bool) -> None:
        """The phone is gone and nobody told of an answer: we ended its ringing, or it left as LiveKit saw it leave."""
        if hung_up:
            await self.settle(call, RangOut())
        else:
            await self.settle(call, Refused(_seen_of(call)))

    async def answered(self, call: Call, at: datetime) -> None:
        """Write down that the callee picked up, unless somebody has."""
        answered = await self._services.calls.advance(
            call.call_id,
            CallStatus.IN_PROGRESS,
            CallAnswered,
            within={CallStatus.DIALING},
            when=lambda current: current.same_start_as(call),
            derived=lambda call: {**answering(call, at), "deadline_at": now() + self._patience(call)},
        )
        if answered is not None:
            log.info("call answered", call_id=call.call_id)
            await self._services.relay.flush(call.call_id)
            return
        if (await self._services.calls.get(call.call_id)).status in TERMINAL:  # who picked up finds nobody to talk to
            await self._services.telephony.close_room(call.room_name)

    async def phone_left(self, call: Call, as_: str, at: datetime) -> None:
        """Keep LiveKit's word for why a phone is gone; who waits for its outcome or talks to it knows, if he lives."""
        await self._services.calls.note(
            call.call_id,
            when=lambda current: current.status in UNDER_WAY and current.same_start_as(call),
            phone_left_as=as_,
            phone_left_at=at,
        )

    async def _rang_out(self, call: Call) -> None:
        """The agent in the room has seen whether the phone rang; a trunk that never said so is dead."""
        seen = await self._services.calls.get(call.call_id)
        if seen.awaits_agent and self._was_cut_short(seen):
            reason = EndReason.AGENT_LOST
        elif seen.attempt is not None and seen.attempt.ringing_at is not None:
            reason = EndReason.NO_ANSWER
        else:
            reason = EndReason.TRUNK_UNREACHABLE
        await self._conclusions.conclude(call, reason)

    def _was_cut_short(self, call: Call) -> bool:
        """Whether its phone was hung up before it had rung for as long as the assistant wants."""
        return call.attempt is not None and call.deadline_at < call.attempt.dialed_at + self._ringing_time(call)

    async def _wait_for_turn(self, call: Call) -> None:
        limits = await self._services.trunks.limits_of([call.trunk_id])
        if pause := interval(limits.get(call.trunk_id, TrunkLimits())):
            turn = await self._services.lines.reserve_dial(call.trunk_id, pause)
            await self._services.calls.note(  # or somebody would reserve another turn for it meanwhile
                call.call_id,
                when=lambda current: current.status is CallStatus.STARTING and current.same_start_as(call),
                deadline_at=turn + self._times.agent_ready_timeout,
            )
            await asyncio.sleep((turn - now()).total_seconds())

    def _patience(self, call: Call) -> timedelta:
        return self._times.agent_lease if call.agent_identity else self._times.takeover_timeout

    def _ringing_time(self, call: Call) -> timedelta:
        return timedelta(seconds=call.assistant.limits.ringing_timeout_seconds) + self._times.dial_grace


def _seen_of(call: Call) -> EndReason:
    """What LiveKit's reason tells of a phone that rang; of one that did not, it stands for several SIP codes."""
    if call.attempt is None or call.attempt.ringing_at is None:
        return EndReason.DIAL_OUTCOME_UNKNOWN
    return _LEFT_RINGING.get(call.phone_left_as or "", EndReason.DIAL_OUTCOME_UNKNOWN)
