"""An agent that died in the middle of a call: its place is declared vacant, and another agent goes on.

Whoever notices, says so by one write, and AgentLost makes it happen: the dead participant leaves the room first, then
a new agent is sent for, with the conversation so far. A call whose agents keep dying, or that stays vacant too long, is
hung up, and reported with what was said.
"""

from collections.abc import Coroutine
from datetime import datetime

import structlog

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.errors import Transient
from parley_common.ids import CallId
from parley_common.lifecycle import TERMINAL, CallStatus, EndReason
from parley_dialer.concluding import Conclusions
from parley_dialer.presence import Presence
from parley_dialer.ringing import note_ringing
from parley_dialer.services import Services
from parley_dialer.telephony import PhoneState

log = structlog.get_logger()

MOST_TAKEOVERS = 2
HUNG_UP = "client_initiated"
"""LiveKit's disconnect reason of a phone whose owner hung up."""


class Replacement:
    """Finds a new agent for a call that has lost its own."""

    def __init__(self, services: Services, presence: Presence, conclusions: Conclusions) -> None:
        self._services = services
        self._times = services.settings.times
        self._presence = presence
        self._conclusions = conclusions

    async def visit_orphans(self) -> None:
        """Say of every call whose agent worker has died that its agent is lost."""
        for worker_id in await self._presence.lost():
            orphans = await self._services.calls.of_worker(worker_id)
            log.warning("agent worker lost", worker_id=worker_id, calls=len(orphans))
            if all([await self._quietly(call, self.vacate(call)) for call in orphans]):
                await self._presence.forget(worker_id)

    async def visit_vacancies(self) -> None:
        """Send again for an agent of a phone that rings without one: whoever was sent for may have died too."""
        for call in await self._services.calls.ringing_without_agent(now() - self._times.takeover_timeout):
            await self._quietly(call, self._seek_again(call))

    async def _quietly(self, call: Call, work: Coroutine[None, None, None]) -> bool:
        """One call that cannot be seen to now (False) does not keep the others waiting; we look again."""
        try:
            await work
        except Transient as error:
            log.warning("orphan left for later", call_id=call.call_id, error=type(error).__name__)
            return False
        return True

    async def _seek_again(self, call: Call) -> None:
        sought = await self._services.calls.note(
            call.call_id, when=lambda current: current.version == call.version, agent_sought_at=now()
        )
        if sought is not None:
            await self.fill(call.call_id)

    async def vacate(self, call: Call) -> None:
        """Say that the agent we know of is lost: AgentLost sends for another, and when none comes we do so again."""
        deadline = now() + self._times.takeover_timeout
        if call.agent_identity is not None:
            await self._services.calls.vacate(call.call_id, call.agent_identity, deadline)
            self._services.relay.flush_soon(call.call_id)  # the others wait behind this one
            return
        waiting = await self._services.calls.note(
            call.call_id, when=lambda current: current.version == call.version, deadline_at=deadline
        )
        if waiting is not None:
            await self.fill(call.call_id)

    async def fill(self, call_id: CallId) -> None:
        """Send for another agent, unless one has come."""
        call = await self._services.calls.get(call_id)
        if not call.awaits_agent:
            return
        if call.status is CallStatus.STARTING:
            await self._conclusions.requeue(call)
            return
        if call.cancel_requested_at is not None:
            await self._release(call)
            return
        view = await self._services.telephony.look(call.room_name, call.attempt)
        await note_ringing(self._services, call, view)
        phone_gone = view.phone is PhoneState.ABSENT and call.answered_at is not None
        # A callee who never left is missing from the room for some seconds when LiveKit restarts.
        patience = self._services.settings.reappearance_grace if phone_gone else self._times.takeover_patience
        too_long = call.vacant_at is not None and now() - call.vacant_at > patience
        if call.takeovers > MOST_TAKEOVERS or too_long:
            await self._no_agent_comes(call)
        elif not phone_gone:
            log.warning("agent lost, sending for another", call_id=call_id, takeovers=call.takeovers)
            for _ in range(self._sent_in_vain(call) + 1):
                await self._services.telephony.replace_agent(call, call.lost_identity)
            if (await self._services.calls.get(call_id)).status in TERMINAL:  # sending makes a room that is gone anew
                await self._services.telephony.close_room(call.room_name)

    def _sent_in_vain(self, call: Call) -> int:
        """LiveKit may hand a job to a worker that stands still, and forgets it then (1.13.5): each time send for more.

        One of those who come takes the place, the others leave.
        """
        return (now() - call.vacant_at) // self._times.takeover_timeout if call.vacant_at else 0

    async def _release(self, call: Call) -> None:
        """A call that was told to end needs no other agent; what comes of a dial, its outcome tells."""
        if call.status is CallStatus.IN_PROGRESS:
            await self.give_up(call)

    async def _no_agent_comes(self, call: Call) -> None:
        """End a conversation; a phone may be picked up just now, so its time is up and its dial tells the rest."""
        if call.status is CallStatus.DIALING:
            await self._services.calls.note(
                call.call_id,
                when=lambda current: current.status is CallStatus.DIALING and current.same_agent_as(call),
                deadline_at=now(),
            )
        else:
            await self.give_up(call)

    async def give_up(self, call: Call) -> None:
        """End a conversation with the words that were said; the callee may have ended it before its agent died.

        An agent that has come meanwhile goes on.
        """
        said = await self._services.transcripts.of_call(call.call_id)
        hung_up_at = _hung_up_at(call)
        await self._conclusions.end(
            call,
            EndReason.CALLEE_HANGUP if hung_up_at else EndReason.AGENT_LOST,
            within={CallStatus.IN_PROGRESS},
            when=lambda current: current.same_agent_as(call),
            at=hung_up_at,
            transcript=said,
        )


def _hung_up_at(call: Call) -> datetime | None:
    """When the callee hung up on an agent who lived, as far as anybody knew."""
    left_at = call.phone_left_at
    if left_at is None or call.phone_left_as != HUNG_UP or (call.vacant_at and call.vacant_at <= left_at):
        return None
    return max(left_at, call.answered_at or left_at)  # LiveKit tells whole seconds
