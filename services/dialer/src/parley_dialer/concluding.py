"""What becomes of a call after an attempt: it waits again, is tried again later, or is over."""

from collections.abc import Callable, Collection
from datetime import datetime

import structlog

from parley_common.calls import Attempt, Call, Utterance, ending, failing
from parley_common.clock import now
from parley_common.events import CallAttemptFailed, CallEnded
from parley_common.lifecycle import OUTCOMES, CallStatus, EndReason
from parley_dialer.services import Services

log = structlog.get_logger()


class Conclusions:
    """Writes down what an attempt has led to; whoever comes second writes nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._times = services.settings.times

    async def conclude(self, call: Call, reason: EndReason, sip_status_code: int | None = None) -> None:
        """An attempt reached nobody: try again when the assistant's rules say so, else the call is over."""
        due: datetime | None
        if reason is EndReason.RATE_LIMITED:
            dialed_at = call.attempt.dialed_at if call.attempt else now()
            due = now() + await self._services.lines.slow_down(call.trunk_id, dialed_at)
            expires_at = call.expires_at
        else:
            await self._services.lines.speed_up(call.trunk_id)
            due = _next_attempt(call, reason)
            lifetime = self._times.queue_lifetime
            expires_at = _earlier(due + lifetime, call.not_after) if due else call.expires_at
        if due is not None and due < expires_at:
            await self._try_again(call, reason, sip_status_code, due, expires_at)
        else:
            await self._end_dial(call, reason, sip_status_code)

    async def _end_dial(self, call: Call, reason: EndReason, sip_status_code: int | None) -> None:
        await self.end(call, reason, within={CallStatus.DIALING}, sip_status_code=sip_status_code)

    async def end(  # noqa: PLR0913  # which end, and what is known of it beside
        self,
        call: Call,
        reason: EndReason,
        *,
        within: Collection[CallStatus],
        when: Callable[[Call], bool] = lambda _: True,
        at: datetime | None = None,
        sip_status_code: int | None = None,
        transcript: list[Utterance] | None = None,
    ) -> None:
        """Write the final state, if nobody else has, `when` holds and the call was not started again; its room closes.

        It ended now, unless `at` says that it was before.
        """
        call_id, moment = call.call_id, at or now()
        told = _as_asked(await self._services.calls.get(call_id), reason)
        ended = await self._services.calls.advance(
            call_id,
            OUTCOMES[told][0],
            CallEnded,
            within=within,
            when=lambda current: current.same_start_as(call) and when(current),
            derived=lambda current: {
                **ending(current, told, moment, sip_status_code),
                "transcript": transcript or current.transcript,
            },
        )
        if ended is not None:
            log.info("call ended", call_id=call_id, status=ended.status, reason=told, sip_status_code=sip_status_code)
            await self._services.relay.flush(call_id)

    async def requeue(self, call: Call) -> None:
        """Put a call back whose phone certainly did not ring; one that was canceled is left to its deadline."""
        due = now() + self._services.settings.requeue_delay
        queued = await self._services.calls.advance(
            call.call_id,
            CallStatus.QUEUED,
            within={call.status},
            when=lambda current: (
                _is_wanted(current)
                and current.same_start_as(call)
                and (current.status is CallStatus.DIALING or current.agent_identity is None)
            ),
            derived=lambda current: {"attempts": _without_undialed(current)},
            due_at=due,
            deadline_at=call.expires_at,
            agent_identity=None,
            worker_id=None,
        )
        if queued is not None:
            log.info("call waits again", call_id=call.call_id, status=call.status)
            await self._services.lines.wake(call.trunk_id, call.owner_id, due)
            if call.status is CallStatus.DIALING:  # its agent would wait for the phone
                await self._services.telephony.close_room(call.room_name)

    async def _try_again(
        self, call: Call, reason: EndReason, sip_status_code: int | None, due: datetime, expires_at: datetime
    ) -> None:
        moment = now()
        scheduled = await self._services.calls.advance(
            call.call_id,
            CallStatus.SCHEDULED,
            CallAttemptFailed,
            within={CallStatus.DIALING},
            when=lambda current: _is_wanted(current) and current.same_start_as(call),
            details={"attempt": len(call.attempts), "reason": reason},
            derived=lambda call: failing(call, reason, moment, sip_status_code),
            due_at=due,
            expires_at=expires_at,
            deadline_at=expires_at,
            agent_identity=None,
            worker_id=None,
        )
        if scheduled is None:  # settled by a rival, or canceled
            await self._end_dial(call, reason, sip_status_code)
            return
        log.info("attempt failed, call is tried again", call_id=call.call_id, reason=reason, due_at=due.isoformat())
        await self._services.lines.wake(call.trunk_id, call.owner_id, due)
        await self._services.relay.flush(call.call_id)


def _without_undialed(call: Call) -> list[Attempt]:
    return call.attempts[:-1] if call.status is CallStatus.DIALING else call.attempts


def _is_wanted(call: Call) -> bool:
    return call.cancel_requested_at is None


def _as_asked(call: Call, reason: EndReason) -> EndReason:
    """A call that its customer told to end ends as told, whatever came of it meanwhile."""
    if _is_wanted(call):
        return reason
    return EndReason.CANCELED if call.answered_at is None else EndReason.API_HANGUP


def _next_attempt(call: Call, reason: EndReason) -> datetime | None:
    """An attempt that the carrier's rate forbade does not count."""
    retries = call.assistant.retries
    made = sum(attempt.reason is not EndReason.RATE_LIMITED for attempt in call.attempts)
    delay = retries.delay_after(reason)
    return now() + delay if delay is not None and made < retries.max_attempts else None


def _earlier(moment: datetime, limit: datetime | None) -> datetime:
    return min(moment, limit) if limit else moment
