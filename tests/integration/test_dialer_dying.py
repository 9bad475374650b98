"""A dialer that is killed in the middle of a dial: another gets the delivery, and no phone rings twice."""

import asyncio
from datetime import timedelta

import pytest

from parley_common.calls import Attempt, Call
from parley_common.db import Database
from parley_common.lifecycle import CallStatus, EndReason
from parley_dialer.telephony import DialOutcome, PhoneState
from tests.fakes.telephony import FakeTelephony
from tests.support.desk import Desk, reached

GRACE = timedelta(seconds=0.5)


class Killed(Exception):  # no error of ours: nothing after it runs
    """The process is no more."""


class DeadlyTelephony(FakeTelephony):
    """Kills its dialer at one moment of the first dial; a phone that was reached goes on by itself."""

    moment = "request"

    async def dial(self, call: Call, attempt: Attempt) -> DialOutcome:
        if self.moment == "request":
            raise Killed
        ringing = asyncio.create_task(super().dial(call, attempt))
        if self.moment == "ringing":
            await reached(lambda: self._shows(call, attempt, PhoneState.RINGING))
        else:
            await ringing
        raise Killed

    def _shows(self, call: Call, attempt: Attempt, phone: PhoneState) -> bool:
        return call.room_name in self.rooms and self.rooms[call.room_name].phones.get(attempt.attempt_id) is phone


@pytest.mark.parametrize(
    ("moment", "invites", "status", "reason"),
    [
        ("request", 0, CallStatus.FAILED, EndReason.DIAL_OUTCOME_UNKNOWN),
        ("ringing", 1, CallStatus.IN_PROGRESS, None),
        ("answer", 1, CallStatus.IN_PROGRESS, None),
    ],
)
async def test_dial_of_a_killed_dialer_is_taken_up_and_never_made_again(
    database: Database, moment: str, invites: int, status: CallStatus, reason: EndReason | None
) -> None:
    telephony = DeadlyTelephony()
    telephony.moment = moment
    desk = Desk(database, telephony, reappearance_grace=GRACE)
    call = await desk.ready()
    with pytest.raises(Killed):
        await desk.dialer.place(call.call_id)
    await desk.rival().dialer.place(call.call_id)
    settled = await desk.now(call)
    assert (settled.status, settled.end_reason, len(telephony.invites)) == (status, reason, invites)
    assert len(settled.attempts) == 1


async def test_delivery_that_comes_again_after_the_answer_was_written_does_nothing(database: Database) -> None:
    desk = Desk(database)
    call = await desk.ready()
    await desk.dialer.place(call.call_id)
    answered = await desk.now(call)
    await desk.rival().dialer.place(call.call_id)
    assert await desk.now(call) == answered
    assert len(desk.telephony.invites) == 1
