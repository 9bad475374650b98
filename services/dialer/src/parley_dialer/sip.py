"""What the failure of CreateSIPParticipant means: SIP status codes and LiveKit's own errors, as dial outcomes.

Measured against livekit-server 1.13.5 and livekit-sip; a SIP code, when there is one, says more than LiveKit's code.
"""

from collections.abc import Mapping

from livekit import api

from parley_common.lifecycle import EndReason
from parley_dialer.telephony import DialOutcome, NotSent, RangOut, Refused, Unknown

_R = EndReason
REASONS: Mapping[int, EndReason] = {
    401: _R.TRUNK_AUTH_FAILED,
    403: _R.TRUNK_AUTH_FAILED,
    404: _R.INVALID_NUMBER,
    407: _R.TRUNK_AUTH_FAILED,
    408: _R.NO_ANSWER,
    410: _R.INVALID_NUMBER,
    429: _R.RATE_LIMITED,
    480: _R.NO_ANSWER,
    484: _R.INVALID_NUMBER,
    486: _R.BUSY,
    600: _R.BUSY,
    603: _R.DECLINED,
    604: _R.INVALID_NUMBER,
    607: _R.DECLINED,
    608: _R.DECLINED,
}
_RATE_LIMIT_WORDS = ("limit exceeded", "rate exceeded", "too many calls", "cps")
_AUTH_WORDS = ("required auth", "auth retry")
_NOTHING_SENT = ("no response from servers", "cpu exhausted")


def outcome_of(error: api.ServerError) -> DialOutcome:
    if isinstance(error, api.SipCallError) and (code := error.sip_status_code):
        return Refused(_reason(error, code), code)
    return _without_sip_code(error)


def _reason(error: api.SipCallError, code: int) -> EndReason:
    said = f"{error.sip_status} {error.metadata.get('error_details', '')} {error.message}".lower()
    if any(words in said for words in _RATE_LIMIT_WORDS):
        return _R.RATE_LIMITED
    return REASONS.get(code, _R.CARRIER_ERROR)


def _without_sip_code(error: api.ServerError) -> DialOutcome:
    said = error.message.lower()
    match error.code:
        case api.ServerErrorCode.UNAVAILABLE if any(words in said for words in _NOTHING_SENT):
            return NotSent()
        case api.ServerErrorCode.NOT_FOUND:
            return Refused(_R.TRUNK_NOT_FOUND)
        case api.ServerErrorCode.CANCELED | api.ServerErrorCode.DEADLINE_EXCEEDED:
            return RangOut()
        case api.ServerErrorCode.FAILED_PRECONDITION | api.ServerErrorCode.UNAUTHENTICATED:
            return Refused(_R.TRUNK_AUTH_FAILED if any(w in said for w in _AUTH_WORDS) else _R.TRUNK_UNREACHABLE)
        case api.ServerErrorCode.INVALID_ARGUMENT:
            return Refused(_R.INVALID_NUMBER)
        case _:
            return Unknown()
