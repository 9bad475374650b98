"""An operator ends a customer's call without the customer's key."""

import pytest

from parley_common.cancel import cancel
from parley_common.db import Database
from parley_common.errors import CallNotFound
from parley_common.events import CallEnded, CallRequested, CancelRequested
from parley_common.ids import new_call_id
from parley_common.lifecycle import CallStatus, EndReason
from tests.support.desk import Desk


async def test_call_that_waits_ends_at_once_and_says_so(database: Database) -> None:
    desk = Desk(database)
    waiting = await desk.store(status=CallStatus.QUEUED)
    left = await cancel(desk.calls, waiting.call_id)
    assert (left.status, left.end_reason) == (CallStatus.CANCELED, EndReason.CANCELED)
    assert await desk.events(waiting.call_id) == [CallRequested.key, CallEnded.key]


async def test_conversation_is_told_to_end_once_however_often_it_is_asked(database: Database) -> None:
    desk = Desk(database)
    talking = await desk.talking()
    left = await cancel(desk.calls, talking.call_id)
    assert (left.status, left.cancel_requested_at is None) == (CallStatus.IN_PROGRESS, False)
    assert await cancel(desk.calls, talking.call_id) == await desk.calls.get(talking.call_id)
    assert await desk.events(talking.call_id) == [CallRequested.key, CancelRequested.key]


async def test_call_that_nobody_knows_is_named_as_such(database: Database) -> None:
    with pytest.raises(CallNotFound, match="no such call"):
        await cancel(Desk(database).calls, new_call_id())
