"""What LiveKit's answers to a dial mean, after the table measured on real servers."""

import pytest
from livekit import api

from parley_common.lifecycle import EndReason
from parley_dialer.sip import outcome_of
from parley_dialer.telephony import DialOutcome, NotSent, RangOut, Refused, Unknown

R = EndReason


def sip_error(code: int, status: str = "", **metadata: str) -> api.ServerError:
    return api.SipCallError(
        "any", status, status=400, metadata={"sip_status_code": str(code), "sip_status": status, **metadata}
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (486, R.BUSY), (600, R.BUSY), (603, R.DECLINED), (607, R.DECLINED), (608, R.DECLINED),
        (408, R.NO_ANSWER), (480, R.NO_ANSWER),
        (404, R.INVALID_NUMBER), (410, R.INVALID_NUMBER), (484, R.INVALID_NUMBER), (604, R.INVALID_NUMBER),
        (403, R.TRUNK_AUTH_FAILED), (401, R.TRUNK_AUTH_FAILED),
        (429, R.RATE_LIMITED), (487, R.CARRIER_ERROR), (488, R.CARRIER_ERROR),
        (500, R.CARRIER_ERROR), (503, R.CARRIER_ERROR),
    ],
)  # fmt: skip
def test_sip_code_decides_the_reason_and_is_kept(code: int, reason: EndReason) -> None:
    assert outcome_of(sip_error(code)) == Refused(reason, code)


def test_carrier_that_names_its_call_limit_is_a_rate_limit() -> None:
    assert outcome_of(sip_error(503, "Concurrent call limit exceeded")) == Refused(R.RATE_LIMITED, 503)


@pytest.mark.parametrize(
    ("code", "status", "message", "outcome"),
    [
        ("canceled", 408, "sip request timed out", RangOut()),
        ("deadline_exceeded", 408, "request timed out", RangOut()),
        ("not_found", 404, "requested sip trunk does not exist", Refused(R.TRUNK_NOT_FOUND)),
        ("failed_precondition", 412, "sip server required auth, but no password was provided",
         Refused(R.TRUNK_AUTH_FAILED)),
        ("failed_precondition", 412, "max auth retry attempts reached for SIP invite", Refused(R.TRUNK_AUTH_FAILED)),
        ("failed_precondition", 412, "transport<TCP> dial err=connection refused", Refused(R.TRUNK_UNREACHABLE)),
        ("unavailable", 503, "no response from servers", NotSent()),
        ("unavailable", 503, "cpu exhausted", NotSent()),
        ("unavailable", 503, "something new", Unknown()),
        ("internal", 500, "panic", Unknown()),
    ],
)  # fmt: skip
def test_error_without_a_sip_code_is_told_by_its_livekit_code(
    code: str, status: int, message: str, outcome: DialOutcome
) -> None:
    assert outcome_of(api.ServerError(code, message, status=status)) == outcome
