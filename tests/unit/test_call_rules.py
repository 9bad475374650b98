"""The rules of a call's life, as data."""

import pytest

from parley_common.calls import ACTIVE, OUTCOMES, TERMINAL, TRANSITIONS, CallStatus, EndReason, ending
from parley_common.clock import now
from tests import factories


def test_every_status_has_a_row_in_the_transition_table() -> None:
    assert set(TRANSITIONS) == set(CallStatus)


def test_final_statuses_are_the_six_of_the_contract() -> None:
    assert {str(status) for status in TERMINAL} == {
        "completed", "no_answer", "busy", "declined", "failed", "canceled",
    }  # fmt: skip


def test_every_final_status_can_be_reached_from_queued() -> None:
    reached = {CallStatus.QUEUED}
    while new := {following for status in reached for following in TRANSITIONS[status]} - reached:
        reached |= new
    assert reached >= TERMINAL


@pytest.mark.parametrize("reason", list(EndReason))
def test_every_end_reason_has_a_final_status_and_a_fault_owner(reason: EndReason) -> None:
    status, fault = OUTCOMES[reason]
    assert status in TERMINAL
    assert fault


@pytest.mark.parametrize("status", sorted(ACTIVE))
def test_every_open_call_can_fail(status: CallStatus) -> None:
    assert CallStatus.FAILED in TRANSITIONS[status]


def test_ending_writes_the_outcome_into_the_latest_attempt_only() -> None:
    first, second = factories.attempt(), factories.attempt()
    call = factories.call(attempts=[first, second])
    facts = ending(call, EndReason.BUSY, now(), sip_status_code=486)
    assert facts["end_reason"] is EndReason.BUSY
    assert facts["attempts"] == [first, second.model_copy(update={
        "ended_at": facts["ended_at"], "reason": EndReason.BUSY, "sip_status_code": 486,
    })]  # fmt: skip


def test_ending_a_call_that_was_never_dialed_has_no_attempt() -> None:
    assert ending(factories.call(), EndReason.CANCELED, now())["attempts"] == []
