"""End a call on its owner's word, or its operator's, wherever it stands: `python -m parley_common.cancel CALL_ID`.

Before a phone rings the end is written here. From the INVITE on only its outcome tells whether somebody picked up in
the same moment, so a hang-up is asked for: the dialer closes the room, and the call ends as what then comes of the
dial, or of the conversation.
"""

import asyncio
import sys
from datetime import datetime

import structlog

from parley_common import logs
from parley_common.calls import Call, ending
from parley_common.clock import now
from parley_common.db import Calls, connect
from parley_common.errors import ParleyError
from parley_common.events import CallEnded, CancelRequested
from parley_common.ids import CallId
from parley_common.lifecycle import TERMINAL, CallStatus, EndReason
from parley_common.settings import MongoSettings

log = structlog.get_logger()

BEFORE_THE_INVITE = frozenset({CallStatus.SCHEDULED, CallStatus.QUEUED, CallStatus.STARTING})


async def cancel(calls: Calls, call_id: CallId) -> Call:
    """Cancel or hang up; return the call as it is then. Nothing changes when it is over, or was told to end before.

    Events are left in the outbox: whoever sweeps publishes them. Raises CallNotFound.
    """
    call = await calls.get(call_id)
    while call.status not in TERMINAL and call.cancel_requested_at is None:
        written = await _end(calls, call_id, now()) or await _ask(calls, call_id, now())
        if written is not None:
            log.info("call canceled", call_id=call_id, status=written.status)
        call = written or await calls.get(call_id)
    return call


async def _end(calls: Calls, call_id: CallId, moment: datetime) -> Call | None:
    return await calls.advance(
        call_id,
        CallStatus.CANCELED,
        CallEnded,
        within=BEFORE_THE_INVITE,
        derived=lambda call: ending(call, EndReason.CANCELED, moment),
        cancel_requested_at=moment,
    )


async def _ask(calls: Calls, call_id: CallId, moment: datetime) -> Call | None:
    """Ask for a hang-up; a dial is overdue from now on, so that the dialer looks even if the event is late."""
    return await calls.note(
        call_id,
        CancelRequested,
        when=lambda call: call.status in {CallStatus.DIALING, CallStatus.IN_PROGRESS},
        derived=lambda call: {"deadline_at": moment} if call.status is CallStatus.DIALING else {},
        cancel_requested_at=moment,
    )


async def _cancel_by_hand(call_id: CallId) -> Call:
    async with connect(MongoSettings()) as database:
        return await cancel(Calls(database), call_id)


if __name__ == "__main__":
    logs.configure("cancel")
    if len(sys.argv) != 2:  # noqa: PLR2004  # the program and one call
        sys.exit("usage: python -m parley_common.cancel CALL_ID")
    try:
        left = asyncio.run(_cancel_by_hand(CallId(sys.argv[1])))
    except ParleyError as error:
        sys.exit(str(error))
    log.info("call stands so", call_id=left.call_id, status=left.status, end_reason=left.end_reason)
