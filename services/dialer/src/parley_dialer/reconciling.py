"""What becomes of a call whose deadline has passed: look at LiveKit, then decide. No call stays open for ever."""

from datetime import timedelta

import structlog

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.errors import LiveKitUnavailable
from parley_common.events import ParticipantLeft
from parley_common.ids import CallId
from parley_common.lifecycle import TERMINAL, WAITING, CallStatus, EndReason
from parley_dialer.concluding import Conclusions
from parley_dialer.dialing import Dialer
from parley_dialer.errands import Errands
from parley_dialer.presence import Presence
from parley_dialer.replacing import Replacement
from parley_dialer.services import Services

log = structlog.get_logger()

FORGOTTEN_AFTER = timedelta(seconds=30)
ROOMS_EVERY = timedelta(seconds=20)
PATIENCE_WITH_AGENT = timedelta(seconds=5)
OUTLASTED_AFTER = timedelta(minutes=5)
"""Agents end their conversations themselves, and try for four minutes to say so."""


class Reconciler:
    """Visits overdue calls, one rule for each state."""

    def __init__(
        self,
        services: Services,
        presence: Presence,
        dialer: Dialer,
        replacement: Replacement,
        conclusions: Conclusions,
    ) -> None:
        self._services = services
        self._times = services.settings.times
        self._presence = presence
        self._dialer = dialer
        self._replacement = replacement
        self._conclusions = conclusions
        self.errands = Errands()

    async def visit_overdue(self) -> None:
        """Decide about each overdue call; one that rings or fails does not keep the others waiting."""
        for call in await self._services.calls.overdue(now(), besides=self.errands.under_way()):
            self.errands.send(call.call_id, self._visit(call))

    async def wake_forgotten(self) -> None:
        """Wake the lines of calls that have waited long: the event that should have may be lost."""
        waiting = await self._services.calls.waiting_since(now() - FORGOTTEN_AFTER)
        for (trunk_id, owner_id), due_at in waiting.items():
            await self._services.lines.wake(trunk_id, owner_id, due_at)

    async def see_off(self, event: ParticipantLeft) -> None:
        """Somebody left the room; a phone tells as it leaves whether it was answered, which nobody may have seen."""
        call = await self._services.calls.get(event.call_id)
        if call.attempt is not None and call.attempt.attempt_id == event.identity:
            if event.answered:
                await self._dialer.answered(call, event.occurred_at)
            await self._dialer.phone_left(call, event.reason, event.occurred_at)
        await self.expect_change(event.call_id)

    async def expect_change(self, call_id: CallId) -> None:
        """Look at the call soon; not at once, because a LiveKit restart looks the same for a while."""
        moment = now() + self._services.settings.reappearance_grace
        await self._services.calls.note(
            call_id,
            when=lambda call: call.status is CallStatus.IN_PROGRESS and call.deadline_at > moment,
            deadline_at=moment,
        )

    async def close_unless_needed(self, call_id: CallId, room_name: str) -> None:
        """Hang up whoever is in the room of a call that is over, waits again, or was told to end."""
        call = await self._services.calls.get(call_id)
        if call.status in TERMINAL or call.status in WAITING or call.cancel_requested_at is not None:
            await self._services.telephony.close_room(room_name)

    async def close_left_behind(self) -> None:
        """Close rooms that no call needs: who joins late makes one anew, and LiveKit's word of that may be lost."""
        there = await self._services.telephony.room_names()
        for call_id, room_name in (await self._services.calls.at_rest_in(there)).items():
            log.info("room left behind", call_id=call_id)
            await self.close_unless_needed(call_id, room_name)

    async def hang_up(self, call_id: CallId, room_name: str) -> None:
        """Close the room of a call that was told to end; a phone in it first tells whether it was picked up."""
        await self._dialer.take_up(call_id)
        await self.close_unless_needed(call_id, room_name)

    async def _visit(self, call: Call) -> None:
        log.info("call overdue", call_id=call.call_id, status=call.status)
        match call.status:
            case CallStatus.QUEUED | CallStatus.SCHEDULED:
                await self._waiting(call)
            case CallStatus.STARTING:
                await self._starting(call)
            case CallStatus.DIALING:
                await self._dialing(call)
            case CallStatus.IN_PROGRESS:
                await self._in_progress(call)

    async def _waiting(self, call: Call) -> None:
        """The call's time is over: it ends as its last attempt did; without one somebody or something was missing."""
        if call.attempt is not None and call.attempt.reason is not None:
            reason = call.attempt.reason
        elif call.dispatches or not await self._presence.slots():
            reason = EndReason.AGENT_UNAVAILABLE
        else:
            reason = EndReason.EXPIRED
        await self._conclusions.end(call, reason, within=WAITING)

    async def _starting(self, call: Call) -> None:
        """The agent did not come, or came and its dial never began."""
        if call.agent_identity is not None:
            await self._dialer.place(call.call_id)
        elif now() < call.expires_at:
            await self._conclusions.requeue(call)
        else:
            await self._conclusions.end(call, EndReason.AGENT_UNAVAILABLE, within={CallStatus.STARTING})

    async def _dialing(self, call: Call) -> None:
        """Find out how the dial went, unless LiveKit is away for longer than any phone rings."""
        try:
            await self._dialer.take_up(call.call_id)
        except LiveKitUnavailable:
            if now() < call.deadline_at + OUTLASTED_AFTER:
                raise
            await self._conclusions.conclude(call, EndReason.DIAL_OUTCOME_UNKNOWN)

    async def _in_progress(self, call: Call) -> None:
        """Extend a conversation that is alive; send for another agent, or end what lost its phone or its room.

        What LiveKit shows of a server that died with its room may be old: nobody lives in a worker that is not known,
        and no conversation lasts much longer than it may.
        """
        if self._has_outlasted(call):
            await self._replacement.give_up(call)
            return
        view = await self._services.telephony.look(call.room_name, call.attempt)
        worker_lives = call.worker_id is not None and await self._presence.knows(call.worker_id)
        if worker_lives and call.agent_identity in view.agents:
            await self._extend(call, self._times.agent_lease)
        elif view.exists or call.agent_identity is None:
            await self._replacement.vacate(call)
        elif worker_lives:  # the agent knows how it ended, and may be waiting for the database to say so
            await self._extend(call, PATIENCE_WITH_AGENT)
        else:
            await self._replacement.give_up(call)

    async def _extend(self, call: Call, by: timedelta) -> None:
        await self._services.calls.note(
            call.call_id,
            when=lambda current: current.status is CallStatus.IN_PROGRESS and current.same_agent_as(call),
            deadline_at=now() + by,
        )

    def _has_outlasted(self, call: Call) -> bool:
        longest = timedelta(seconds=call.assistant.limits.max_duration_seconds) + OUTLASTED_AFTER
        return call.answered_at is not None and now() > call.answered_at + longest
