"""A phone that was seen ringing: its agent tells, and whoever looks at the room when the agent is gone."""

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.events import CallRinging
from parley_common.lifecycle import CallStatus
from parley_dialer.services import Services
from parley_dialer.telephony import PhoneState, RoomView


async def note_ringing(services: Services, call: Call, view: RoomView) -> None:
    """Write down that the phone rings, unless that is known: a phone that nobody picks up is no dead trunk."""
    if view.phone is not PhoneState.RINGING or _rang(call):
        return
    noted = await services.calls.note(
        call.call_id,
        CallRinging,
        when=lambda current: (
            current.status is CallStatus.DIALING and current.same_start_as(call) and not _rang(current)
        ),
        derived=lambda current: {"attempts": current.attempt_with(ringing_at=now())},
    )
    if noted is not None:
        await services.relay.flush(call.call_id)


def _rang(call: Call) -> bool:
    return call.attempt is None or call.attempt.ringing_at is not None
