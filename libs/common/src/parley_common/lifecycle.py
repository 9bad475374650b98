"""Which states a call passes, why it ends, and whose fault that is: tables, free of any framework."""

from collections.abc import Mapping
from enum import StrEnum


class CallStatus(StrEnum):
    """Where a call stands; the last seven are final."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    STARTING = "starting"
    DIALING = "dialing"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


_S = CallStatus
TRANSITIONS: Mapping[CallStatus, frozenset[CallStatus]] = {
    _S.SCHEDULED: frozenset({_S.STARTING, _S.CANCELED, _S.EXPIRED, _S.NO_ANSWER, _S.BUSY, _S.DECLINED, _S.FAILED}),
    _S.QUEUED: frozenset({_S.STARTING, _S.CANCELED, _S.EXPIRED, _S.NO_ANSWER, _S.BUSY, _S.DECLINED, _S.FAILED}),
    _S.STARTING: frozenset({_S.QUEUED, _S.DIALING, _S.CANCELED, _S.FAILED}),
    _S.DIALING: frozenset(
        {_S.QUEUED, _S.SCHEDULED, _S.IN_PROGRESS, _S.NO_ANSWER, _S.BUSY, _S.DECLINED, _S.FAILED, _S.CANCELED}
    ),
    _S.IN_PROGRESS: frozenset({_S.COMPLETED, _S.FAILED}),
    _S.COMPLETED: frozenset(),
    _S.NO_ANSWER: frozenset(),
    _S.BUSY: frozenset(),
    _S.DECLINED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
}
"""Every step a call may take. `dialing -> queued` only when LiveKit proved that no INVITE went out; `dialing ->
scheduled` when the attempt failed and another one is due; a waiting call whose time is over ends as its last attempt.
"""

TERMINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)
ACTIVE = frozenset(TRANSITIONS) - TERMINAL
WAITING = frozenset({_S.SCHEDULED, _S.QUEUED})
UNDER_WAY = ACTIVE - WAITING
"""What occupies an agent and a place on its trunk."""


class Fault(StrEnum):
    """Whose doing it was that a call ended as it did."""

    CALLEE = "callee"
    CALLER = "caller"
    CARRIER = "carrier"
    PROVIDER = "provider"
    PLATFORM = "platform"


class EndReason(StrEnum):
    """Why a call ended."""

    CALLEE_HANGUP = "callee_hangup"
    AGENT_HANGUP = "agent_hangup"
    API_HANGUP = "api_hangup"
    MAX_DURATION = "max_duration"
    SILENCE = "silence"
    VOICEMAIL = "voicemail"
    TRANSFERRED = "transferred"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    INVALID_NUMBER = "invalid_number"
    TRUNK_AUTH_FAILED = "trunk_auth_failed"
    TRUNK_NOT_FOUND = "trunk_not_found"
    TRUNK_UNREACHABLE = "trunk_unreachable"
    CARRIER_ERROR = "carrier_error"
    RATE_LIMITED = "rate_limited"
    AGENT_UNAVAILABLE = "agent_unavailable"
    AGENT_LOST = "agent_lost"
    PROVIDER_FAILED = "provider_failed"
    ROOM_LOST = "room_lost"
    DIAL_OUTCOME_UNKNOWN = "dial_outcome_unknown"
    CANCELED = "canceled"
    EXPIRED = "expired"
    INTERNAL_ERROR = "internal_error"


_R, _C, _F = EndReason, CallStatus, Fault
OUTCOMES: Mapping[EndReason, tuple[CallStatus, Fault]] = {
    _R.CALLEE_HANGUP: (_C.COMPLETED, _F.CALLEE),
    _R.AGENT_HANGUP: (_C.COMPLETED, _F.CALLER),
    _R.API_HANGUP: (_C.COMPLETED, _F.CALLER),
    _R.MAX_DURATION: (_C.COMPLETED, _F.CALLER),
    _R.SILENCE: (_C.COMPLETED, _F.CALLEE),
    _R.VOICEMAIL: (_C.COMPLETED, _F.CALLEE),
    _R.TRANSFERRED: (_C.COMPLETED, _F.CALLER),
    _R.NO_ANSWER: (_C.NO_ANSWER, _F.CALLEE),
    _R.BUSY: (_C.BUSY, _F.CALLEE),
    _R.DECLINED: (_C.DECLINED, _F.CALLEE),
    _R.INVALID_NUMBER: (_C.FAILED, _F.CALLER),
    _R.TRUNK_AUTH_FAILED: (_C.FAILED, _F.CALLER),
    _R.TRUNK_NOT_FOUND: (_C.FAILED, _F.CALLER),
    _R.TRUNK_UNREACHABLE: (_C.FAILED, _F.CARRIER),
    _R.CARRIER_ERROR: (_C.FAILED, _F.CARRIER),
    _R.RATE_LIMITED: (_C.FAILED, _F.CARRIER),
    _R.AGENT_UNAVAILABLE: (_C.FAILED, _F.PLATFORM),
    _R.AGENT_LOST: (_C.FAILED, _F.PLATFORM),
    _R.PROVIDER_FAILED: (_C.FAILED, _F.PROVIDER),
    _R.ROOM_LOST: (_C.FAILED, _F.PLATFORM),
    _R.DIAL_OUTCOME_UNKNOWN: (_C.FAILED, _F.PLATFORM),
    _R.CANCELED: (_C.CANCELED, _F.CALLER),
    _R.EXPIRED: (_C.EXPIRED, _F.PLATFORM),
    _R.INTERNAL_ERROR: (_C.FAILED, _F.PLATFORM),
}
"""The final status that each reason means, and its fault owner."""
