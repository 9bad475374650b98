"""As what a leg that was not answered leaves its room."""

import pytest
from livekit import rtc

from parley_sandbox.phone import Outcome, leaves_as


@pytest.mark.parametrize(
    ("outcome", "sip_status_code", "reason"),
    [
        (Outcome.TIMED_OUT, None, "USER_UNAVAILABLE"),
        (Outcome.REFUSED, 404, "USER_UNAVAILABLE"),
        (Outcome.REFUSED, 480, "USER_UNAVAILABLE"),
        (Outcome.REFUSED, 486, "USER_REJECTED"),
        (Outcome.REFUSED, 603, "USER_REJECTED"),
        (Outcome.REFUSED, 503, "SIP_TRUNK_FAILURE"),
        (Outcome.CANCELED, None, "CLIENT_INITIATED"),
    ],
)
def test_reason_is_the_one_that_livekit_sip_gives(outcome: Outcome, sip_status_code: int | None, reason: str) -> None:
    assert leaves_as(outcome, sip_status_code) == rtc.DisconnectReason.Value(reason)
