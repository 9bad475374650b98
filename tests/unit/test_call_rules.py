"""The rules of a call's life, as data."""

from datetime import timedelta

import pytest

from parley_common.assistants import Retries
from parley_common.calls import answering, ending
from parley_common.clock import now
from parley_common.lifecycle import ACTIVE, OUTCOMES, TERMINAL, TRANSITIONS, CallStatus, EndReason
from tests import factories


def test_every_status_has_a_row_in_the_transition_table() -> None:
    assert set(TRANSITIONS) == set(CallStatus)


def test_final_statuses_are_those_of_the_contract() -> None:
    assert {str(status) for status in TERMINAL} == {
        "completed", "no_answer", "busy", "declined", "failed", "canceled", "expired",
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
    call = factories.call(status=CallStatus.DIALING, attempts=[first, second])
    facts = ending(call, EndReason.BUSY, now(), sip_status_code=486)
    assert facts["end_reason"] is EndReason.BUSY
    assert facts["attempts"] == [first, second.model_copy(update={
        "ended_at": facts["ended_at"], "reason": EndReason.BUSY, "sip_status_code": 486,
    })]  # fmt: skip


@pytest.mark.parametrize("status", [CallStatus.SCHEDULED, CallStatus.QUEUED, CallStatus.STARTING])
def test_call_that_ends_between_attempts_leaves_its_last_attempt_as_it_was(status: CallStatus) -> None:
    failed = factories.attempt(reason=EndReason.BUSY, sip_status_code=486, ended_at=now())
    call = factories.call(status=status, attempts=[failed])
    assert "attempts" not in ending(call, EndReason.CANCELED, now())


def test_answered_call_ends_with_the_sip_code_of_its_answer() -> None:
    call = factories.call(status=CallStatus.DIALING, attempts=[factories.attempt()])
    answered = call.model_copy(update={"status": CallStatus.IN_PROGRESS, **answering(call, now())})
    assert ending(answered, EndReason.CALLEE_HANGUP, now())["sip_status_code"] == 200


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [(EndReason.BUSY, 30), (EndReason.NO_ANSWER, 900), (EndReason.DECLINED, None), (EndReason.INVALID_NUMBER, None)],
)
def test_pause_before_the_next_attempt_depends_on_the_outcome(reason: EndReason, seconds: int | None) -> None:
    pause = Retries(max_attempts=3, busy_delay_seconds=30).delay_after(reason)
    assert pause == (timedelta(seconds=seconds) if seconds else None)
