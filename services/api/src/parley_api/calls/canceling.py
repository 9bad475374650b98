"""Ending a call on its owner's word."""

from parley_api.auth import Caller
from parley_api.calls.service import get
from parley_api.errors import ApiError
from parley_api.services import Services
from parley_common.calls import Call
from parley_common.cancel import cancel
from parley_common.lifecycle import TERMINAL, EndReason

ON_OUR_WORD = frozenset({EndReason.CANCELED, EndReason.API_HANGUP})


async def cancel_own(services: Services, caller: Caller, call_id: str) -> Call:
    """Cancel or hang up. Doing it again changes nothing; 409 when the call had ended for another reason."""
    owned = await get(services, caller, call_id)
    call = await cancel(services.calls, owned.call_id)
    services.relay.flush_soon(call.call_id)
    if call.status in TERMINAL and call.end_reason not in ON_OUR_WORD:
        raise ApiError(409, "Call has ended already")
    return call
