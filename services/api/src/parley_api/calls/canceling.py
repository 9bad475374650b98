"""Ending a call on its owner's word, wherever it stands.

Before the answer the api itself writes the end, and CallEnded stops the ringing. A conversation belongs to its agent:
the dialer closes the room, and the agent reports the hang-up with everything that was said.
"""

import structlog

from parley_api.auth import Caller
from parley_api.calls.service import get
from parley_api.errors import ApiError
from parley_api.services import Services
from parley_common.calls import Call, ending
from parley_common.clock import now
from parley_common.events import CallEnded, CancelRequested
from parley_common.lifecycle import TERMINAL, CallStatus, EndReason

log = structlog.get_logger()

BEFORE_THE_ANSWER = frozenset({CallStatus.SCHEDULED, CallStatus.QUEUED, CallStatus.STARTING, CallStatus.DIALING})
ON_OUR_WORD = frozenset({EndReason.CANCELED, EndReason.API_HANGUP})


async def cancel(services: Services, caller: Caller, call_id: str) -> Call:
    """Cancel or hang up. Doing it again changes nothing; 409 when the call had ended for another reason."""
    call = await get(services, caller, call_id)
    moment = now()
    written = await services.calls.advance(
        call.call_id,
        CallStatus.CANCELED,
        CallEnded,
        within=BEFORE_THE_ANSWER,
        derived=lambda call: ending(call, EndReason.CANCELED, moment),
        cancel_requested_at=moment,
    )
    if written is None:
        written = await services.calls.note(
            call.call_id,
            CancelRequested,
            when=lambda call: call.status is CallStatus.IN_PROGRESS and call.cancel_requested_at is None,
            cancel_requested_at=moment,
        )
    if written is not None:
        services.relay.flush_soon(call.call_id)
        log.info("call canceled", call_id=call.call_id, status=written.status)
        return written
    ended = await services.calls.get(call.call_id)
    if ended.status in TERMINAL and ended.end_reason not in ON_OUR_WORD:
        raise ApiError(409, "Call has ended already")
    return ended
