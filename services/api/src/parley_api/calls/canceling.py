"""Ending a call on its owner's word, wherever it stands.

Before a phone rings the api itself writes the end. From the INVITE on only its outcome tells whether somebody picked up
in the same moment, so the api asks: the dialer closes the room, and the call ends as what then comes of the dial, or of
the conversation.
"""

from datetime import datetime

import structlog

from parley_api.auth import Caller
from parley_api.calls.service import get
from parley_api.errors import ApiError
from parley_api.services import Services
from parley_common.calls import Call, ending
from parley_common.clock import now
from parley_common.events import CallEnded, CancelRequested
from parley_common.ids import CallId
from parley_common.lifecycle import TERMINAL, CallStatus, EndReason

log = structlog.get_logger()

BEFORE_THE_INVITE = frozenset({CallStatus.SCHEDULED, CallStatus.QUEUED, CallStatus.STARTING})
ON_OUR_WORD = frozenset({EndReason.CANCELED, EndReason.API_HANGUP})


async def cancel(services: Services, caller: Caller, call_id: str) -> Call:
    """Cancel or hang up. Doing it again changes nothing; 409 when the call had ended for another reason."""
    call = await get(services, caller, call_id)
    while call.status not in TERMINAL and call.cancel_requested_at is None:
        written = await _end(services, call.call_id, now()) or await _ask(services, call.call_id, now())
        if written is not None:
            services.relay.flush_soon(call.call_id)
            log.info("call canceled", call_id=call.call_id, status=written.status)
            return written
        call = await services.calls.get(call.call_id)
    if call.status in TERMINAL and call.end_reason not in ON_OUR_WORD:
        raise ApiError(409, "Call has ended already")
    return call


async def _end(services: Services, call_id: CallId, moment: datetime) -> Call | None:
    return await services.calls.advance(
        call_id,
        CallStatus.CANCELED,
        CallEnded,
        within=BEFORE_THE_INVITE,
        derived=lambda call: ending(call, EndReason.CANCELED, moment),
        cancel_requested_at=moment,
    )


async def _ask(services: Services, call_id: CallId, moment: datetime) -> Call | None:
    """Ask for a hang-up; a dial is overdue from now on, so that the dialer looks even if the event is late."""
    return await services.calls.note(
        call_id,
        CancelRequested,
        when=lambda call: call.status in {CallStatus.DIALING, CallStatus.IN_PROGRESS},
        derived=lambda call: {"deadline_at": moment} if call.status is CallStatus.DIALING else {},
        cancel_requested_at=moment,
    )
