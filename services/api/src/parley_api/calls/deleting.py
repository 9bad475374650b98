"""Having a call's data deleted on its owner's word: the wish is written down here, the recorder carries it out."""

import structlog

from parley_api.auth import Caller
from parley_api.calls.service import get
from parley_api.errors import ApiError
from parley_api.services import Services
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.deletions import Deletion
from parley_common.lifecycle import TERMINAL

log = structlog.get_logger()


async def delete(services: Services, caller: Caller, call_id: str) -> Call:
    """Ask for a call's data to be removed. Doing it again changes nothing; 409 while the call is not over."""
    call = await get(services, caller, call_id)
    written = await services.calls.note(
        call.call_id,
        when=lambda call: call.status in TERMINAL and call.deletion is None,
        deletion=Deletion(requested_at=now(), requested_by_key=caller.key_id),
    )
    if written is not None:
        log.info("deletion requested", call_id=call.call_id, key_id=caller.key_id)
        return written
    asked_for = await services.calls.get(call.call_id)
    if asked_for.deletion is None:
        raise ApiError(409, "Call is not over yet; cancel it first")
    return asked_for
