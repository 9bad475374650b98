"""Which waiting call may start: agents, trunks and owners have limits, and everybody gets a turn."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Database, workers
from parley_common.errors import DatabaseUnavailable
from parley_common.ids import CallId, OwnerId, TrunkId
from parley_common.lifecycle import CallStatus
from parley_dialer.admitting import LINES_AT_ONCE
from parley_dialer.presence import STALE_AFTER
from tests.support.desk import PAST, Desk

AGES_AGO = timedelta(minutes=5)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def queue(desk: Desk, calls: int, trunk_id: str = "ST_test", owner_id: str = "own_1") -> list[Call]:
    """Put calls into a trunk's line, the oldest first."""
    began = now() - timedelta(seconds=30)
    facts = {"trunk_id": TrunkId(trunk_id), "owner_id": OwnerId(owner_id)}
    return [await desk.store(**facts, due_at=began + timedelta(milliseconds=turn)) for turn in range(calls)]


async def drain(desk: Desk) -> list[Call]:
    """Admit as long as there is somebody to admit."""
    admitted: list[Call] = []
    while some := await desk.admit():
        admitted += some
    return admitted


async def test_oldest_calls_start_first_and_as_many_as_agents_are_free(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 1)
    await desk.workers.announce("worker_2", 2)
    waiting = await queue(desk, 5)
    admitted = await drain(desk)
    assert [call.call_id for call in admitted] == [call.call_id for call in waiting[:3]]
    assert {(call.status, call.dispatches) for call in admitted} == {(CallStatus.STARTING, 1)}


async def test_no_call_starts_without_an_agent(desk: Desk) -> None:
    await queue(desk, 1)
    assert await drain(desk) == []


async def test_worker_that_was_not_heard_of_lends_no_slots(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 5)
    stale = {"$set": {"seen_at": now() - STALE_AFTER}}
    await desk.database.get_collection("agent_workers").update_one({"_id": "worker_1"}, stale)
    await queue(desk, 1)
    assert await drain(desk) == []


async def test_place_of_a_call_that_ended_is_taken_by_the_next(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 1)
    first, second = await queue(desk, 2)
    await drain(desk)
    assert await drain(desk) == []
    await desk.calls.advance(first.call_id, CallStatus.CANCELED)
    assert [call.call_id for call in await drain(desk)] == [second.call_id]


async def test_call_starts_only_when_it_is_due(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 5)
    await desk.store(due_at=now() + timedelta(minutes=1))
    assert await drain(desk) == []


async def test_trunk_carries_no_more_than_its_limit(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 10)
    await desk.trunk("ST_narrow", max_concurrent_calls=2)
    await queue(desk, 5, "ST_narrow")
    await queue(desk, 3, "ST_wide")
    assert Counter(call.trunk_id for call in await drain(desk)) == {"ST_narrow": 2, "ST_wide": 3}


async def test_trunk_begins_calls_no_faster_than_its_rate(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 10)
    await desk.trunk("ST_slow", calls_per_second=0.1)
    first, _ = await queue(desk, 2, "ST_slow")
    assert [call.call_id for call in await drain(desk)] == [first.call_id]
    assert (await desk.line(first)).paced_until > now() + timedelta(seconds=5)


async def test_invites_of_one_trunk_leave_at_its_rate_whoever_sends_them(desk: Desk) -> None:
    call = await desk.store()
    interval = timedelta(seconds=0.5)
    desks = [desk, desk.rival(), desk.rival()]
    turns = sorted(await asyncio.gather(*(each.lines.reserve_dial(call.trunk_id, interval) for each in desks * 2)))
    assert all(after - before >= interval for before, after in pairwise(turns))


async def test_owner_holds_no_more_calls_than_the_limit(database: Database) -> None:
    desk = Desk(database, max_calls_per_owner=2)
    await desk.workers.announce("worker_1", 10)
    await queue(desk, 3, "ST_1", "own_1")
    await queue(desk, 3, "ST_2", "own_1")
    await queue(desk, 1, "ST_3", "own_2")
    assert Counter(call.owner_id for call in await drain(desk)) == {"own_1": 2, "own_2": 1}


async def test_platform_holds_no_more_calls_than_its_limit(database: Database) -> None:
    desk = Desk(database, max_calls=2)
    await desk.workers.announce("worker_1", 10)
    await queue(desk, 5)
    assert len(await drain(desk)) == 2


async def test_forty_calls_on_eight_agents_are_held_in_turn_and_none_rings_without_its_agent(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 8)
    waiting = await queue(desk, 40)
    held: list[Call] = []
    while admitted := await drain(desk):
        assert (await desk.calls.under_way()).total() <= 8
        await asyncio.gather(*(converse(desk, call) for call in admitted))
        held += admitted
    assert [call.call_id for call in held] == [call.call_id for call in waiting]
    assert len(desk.telephony.invites) == 40


async def converse(desk: Desk, call: Call) -> None:
    """Seat an agent, ring, and end what was answered."""
    await desk.dialer.place(call.call_id)
    assert (await desk.now(call)).attempts == [], "a phone rang before its agent had come"
    await desk.calls.note(call.call_id, agent_identity=f"agent_{call.call_id}")
    await desk.dialer.place(call.call_id)
    assert await desk.calls.advance(call.call_id, CallStatus.COMPLETED)


async def test_two_hundred_waiting_calls_of_one_trunk_do_not_delay_another_owner(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 4)
    await queue(desk, 200, "ST_busy", "own_1")
    (single,) = await queue(desk, 1, "ST_other", "own_2")
    admitted = await desk.admit()
    assert single.call_id in {call.call_id for call in admitted}
    assert len(admitted) == 4


async def test_call_that_was_taken_begins_whatever_breaks_after_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.workers.announce("worker_1", 5)
    (call,) = await queue(desk, 1)
    begun: list[CallId] = []

    async def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(desk.lines, "move_on", away)
    with pytest.raises(DatabaseUnavailable):
        await desk.admission.admit(lambda taken: begun.append(taken.call_id))
    assert begun == [call.call_id]


async def test_dialers_that_admit_at_once_exceed_no_limit(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 5)
    await desk.trunk("ST_narrow", max_concurrent_calls=2)
    await queue(desk, 10, "ST_narrow", "own_1")
    await queue(desk, 10, "ST_wide", "own_2")
    desks = [desk, desk.rival(), desk.rival()]
    admitted = [call for some in await asyncio.gather(*(drain(each) for each in desks * 2)) for call in some]
    admitted += await drain(desk)
    assert Counter(call.trunk_id for call in admitted) == {"ST_narrow": 2, "ST_wide": 3}
    assert len({call.call_id for call in admitted}) == 5, "a call was admitted twice"


async def test_dialer_that_died_while_it_admitted_is_waited_for_and_then_passed(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 5)
    await queue(desk, 1)
    locks = desk.database.get_collection("locks")
    await locks.insert_one({"_id": "admission", "until": now() + AGES_AGO})
    assert await drain(desk) == []
    await locks.update_one({"_id": "admission"}, {"$set": {"until": now() + PAST}})
    assert len(await drain(desk)) == 1


async def test_dialer_that_stood_still_for_longer_than_it_may_admits_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.workers.announce("worker_1", 5)
    await queue(desk, 1)
    with monkeypatch.context() as patched:
        patched.setattr(workers, "ADMISSION_LEASE", PAST)
        assert await desk.admit() == []
    assert len(await desk.admit()) == 1


async def test_wake_that_comes_while_a_line_is_emptied_is_not_lost(desk: Desk) -> None:
    call = await desk.store()
    line = await desk.line(call)
    await desk.lines.wake(call.trunk_id, call.owner_id, call.due_at)
    await desk.lines.move_on(line, None)
    assert (await desk.line(call)).due_at == call.due_at


async def test_line_is_due_again_when_its_next_call_is(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 5)
    await desk.store()
    later = await desk.store(due_at=now() + timedelta(minutes=1))
    await drain(desk)
    assert (await desk.line(later)).due_at == later.due_at


async def test_every_call_starts_that_comes_while_dialers_admit(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 100)
    coming = asyncio.gather(*(desk.store(trunk_id=TrunkId(f"ST_{turn % 3}")) for turn in range(30)))
    desks = [desk, desk.rival()]
    while not coming.done():
        await asyncio.gather(*(drain(each) for each in desks))
    await coming
    await drain(desk)
    assert (await desk.calls.under_way()).total() == 30


async def test_call_whose_wake_up_got_lost_is_put_back_into_its_line(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 5)
    call = await desk.store(due_at=now() - AGES_AGO)
    await desk.lines.move_on(await desk.line(call), None)
    assert await drain(desk) == []
    await desk.reconciler.wake_forgotten()
    assert [started.call_id for started in await drain(desk)] == [call.call_id]


async def test_long_line_does_not_hide_the_lost_wake_up_of_another(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 5)
    for _ in range(120):
        await desk.store(trunk_id=TrunkId("ST_long"), due_at=now() - AGES_AGO)
    other = await desk.store(trunk_id=TrunkId("ST_other"), due_at=now() - AGES_AGO)
    await desk.lines.move_on(await desk.line(other), None)
    await desk.reconciler.wake_forgotten()
    assert "ST_other" in {started.trunk_id for started in await drain(desk)}


async def test_more_full_trunks_than_one_look_sees_keep_nobody_else_waiting(desk: Desk) -> None:
    await desk.workers.announce("worker_1", 500)
    for number in range(LINES_AT_ONCE):
        trunk = await desk.trunk(f"ST_{number}", max_concurrent_calls=1)
        await desk.store(trunk_id=trunk, due_at=now() + PAST, status=CallStatus.DIALING)
        await queue(desk, 1, trunk)
    (behind,) = await queue(desk, 1, "ST_free")
    await desk.lines.mark_served(await desk.line(behind), now())
    assert await desk.admit() == []
    assert [call.trunk_id for call in await desk.admit()] == ["ST_free"]
