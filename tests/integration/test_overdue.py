"""A call that is stuck is shown to its operator, and is no longer once a dialer works again."""

from datetime import timedelta

import pytest

from parley_common.clock import now
from parley_common.db import Database
from parley_common.overdue import VISITED_WITHIN, overdue, show
from parley_common.settings import MongoSettings
from tests.support.desk import AGENT, WORKER, Desk

LONG_AGO = timedelta(minutes=2)


async def test_stuck_call_is_shown_until_a_dialer_has_seen_to_it(database: Database, indexed: MongoSettings) -> None:
    desk = Desk(database)
    stuck = await desk.talking(deadline_at=now() - LONG_AGO)
    await desk.talking()
    await desk.store(deadline_at=now() - VISITED_WITHIN / 2)
    assert [call.call_id for call in await overdue(indexed)] == [stuck.call_id]
    await desk.overdue(stuck)
    assert await overdue(indexed) == []


async def test_what_is_shown_names_who_was_at_the_call_and_nobody_who_was_called(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    call = await Desk(database).talking(deadline_at=now() - LONG_AGO)
    show(call)
    told = capsys.readouterr().out
    assert all(name in told for name in (call.call_id, call.room_name, AGENT, WORKER, "in_progress"))
    assert call.to_number not in told
