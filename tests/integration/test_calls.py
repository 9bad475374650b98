"""The one door through which a call changes: whoever writes first, wins, and says it once."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley_common.calls import Call, ending
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.errors import AlreadyExists, CallNotFound
from parley_common.events import CallEnded, CallRinging
from parley_common.ids import CallId
from parley_common.lifecycle import ACTIVE, OUTCOMES, TERMINAL, TRANSITIONS, CallStatus, EndReason
from tests import factories
from tests.support.stored import store

STEPS = [EndReason(reason) for reason in OUTCOMES]


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database)


async def stored(database: Database, call: Call) -> dict[str, Any]:
    document = await database.get_collection("calls").find_one({"_id": call.call_id})
    assert document is not None
    return dict(document)


async def requested(calls: Calls, **facts: object) -> Call:
    call = factories.call(**facts)
    await store(calls, call)
    return call


async def end(calls: Calls, call: Call, reason: EndReason) -> Call | None:
    status, moment = OUTCOMES[reason][0], now()
    return await calls.advance(call.call_id, status, CallEnded, derived=lambda found: ending(found, reason, moment))


async def test_new_call_is_stored_with_its_first_event_in_one_write(calls: Calls, database: Database) -> None:
    call = await requested(calls)
    document = await stored(database, call)
    assert [event["type"] for event in document["outbox"]] == ["call.requested.v1"]
    assert document["outbox"][0]["event_id"] == f"evt_{call.call_id}_1"
    assert await calls.get(call.call_id) == call
    with pytest.raises(AlreadyExists):
        await store(calls, call)


async def test_unknown_call_is_not_found(calls: Calls) -> None:
    with pytest.raises(CallNotFound):
        await calls.advance(CallId("call_unknown"), CallStatus.STARTING)


@pytest.mark.parametrize("source", sorted(CallStatus))
async def test_only_the_steps_of_the_table_are_taken(calls: Calls, database: Database, source: CallStatus) -> None:
    for to in sorted(CallStatus):
        call = await requested(calls, status=source)
        written = await calls.advance(call.call_id, to)
        assert (written is not None) == (to in TRANSITIONS[source])
        assert (await stored(database, call))["status"] == (to if written else source)


async def test_lost_step_writes_nothing_and_says_nothing(calls: Calls, database: Database) -> None:
    call = await requested(calls)
    assert await end(calls, call, EndReason.CANCELED)
    before = await stored(database, call)
    assert await end(calls, call, EndReason.NO_ANSWER) is None
    assert await calls.advance(call.call_id, CallStatus.STARTING, CallRinging, agent_identity="late") is None
    assert await stored(database, call) == before


async def test_step_within_named_statuses_is_not_taken_from_another(calls: Calls) -> None:
    call = await requested(calls)
    assert await calls.advance(call.call_id, CallStatus.FAILED, within={CallStatus.STARTING}) is None


async def test_call_that_was_just_read_is_written_without_reading_it_again(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await requested(calls)
    with monkeypatch.context() as patched:
        patched.setattr(calls, "get", None)
        written = await calls.advance(call, CallStatus.STARTING)
    assert written == await calls.get(call.call_id)
    assert (written.status, written.version) == (CallStatus.STARTING, call.version + 1)


async def test_call_that_was_read_and_has_changed_is_judged_as_it_is(calls: Calls) -> None:
    call = await requested(calls)
    noted = await calls.note(call.call_id, vacant_at=None)
    assert noted is not None
    starting = await calls.advance(call, CallStatus.STARTING)
    assert starting is not None
    assert starting.version == noted.version + 1
    assert await calls.advance(call, CallStatus.CANCELED, within={CallStatus.QUEUED}) is None
    assert await calls.note(call, when=lambda found: found.status is CallStatus.STARTING)


async def test_due_call_is_claimed_by_one_of_many(calls: Calls) -> None:
    later = now() + timedelta(minutes=1)
    first = await requested(calls, due_at=now() - timedelta(seconds=9))
    second = await requested(calls, due_at=now() - timedelta(seconds=5))
    await requested(calls, due_at=later)
    claims = await asyncio.gather(*(calls.claim(first.trunk_id, now(), later) for _ in range(6)))
    claimed = [claim for claim in claims if claim is not None]
    assert sorted(claim.call_id for claim in claimed) == sorted([first.call_id, second.call_id])
    assert {claim.status for claim in claimed} == {CallStatus.STARTING}


async def test_call_whose_time_is_over_is_not_claimed(calls: Calls) -> None:
    call = await requested(calls, due_at=now() - timedelta(hours=2), expires_at=now() - timedelta(seconds=1))
    assert await calls.claim(call.trunk_id, now(), now()) is None


async def test_agents_that_an_earlier_attempt_lost_do_not_count_in_the_next(calls: Calls) -> None:
    call = await requested(calls, due_at=now(), takeovers=3, vacant_at=now())
    claimed = await calls.claim(call.trunk_id, now(), now())
    assert claimed is not None
    assert (claimed.takeovers, claimed.vacant_at) == (0, None)


async def test_overdue_call_that_is_seen_to_keeps_no_other_from_being_found(calls: Calls) -> None:
    moment = now()
    first = await requested(calls, deadline_at=moment - timedelta(seconds=2))
    second = await requested(calls, deadline_at=moment - timedelta(seconds=1))
    found = await calls.overdue(moment, besides={first.call_id}, limit=1)
    assert [call.call_id for call in found] == [second.call_id]


async def test_overdue_calls_are_the_open_ones_most_overdue_first(calls: Calls) -> None:
    moment = now()
    for status in sorted(CallStatus):
        await requested(calls, status=status, deadline_at=moment - timedelta(seconds=len(status)))
    await requested(calls, deadline_at=moment + timedelta(minutes=1))
    found = await calls.overdue(moment)
    assert {call.status for call in found} == ACTIVE
    assert [call.deadline_at for call in found] == sorted(call.deadline_at for call in found)


WRITES = st.one_of(st.sampled_from(sorted(ACTIVE)), st.sampled_from(STEPS), st.just("note"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writers=st.lists(st.lists(WRITES, min_size=1, max_size=4), min_size=2, max_size=5),
    start=st.sampled_from(sorted(ACTIVE)),
)
async def test_writers_never_tear_a_call_apart_and_the_relay_loses_nothing_of_what_they_say(
    calls: Calls, database: Database, writers: list[list[CallStatus | EndReason | str]], start: CallStatus
) -> None:
    call = await requested(calls, status=start)
    written: list[Call] = []

    async def write(wanted: CallStatus | EndReason | str) -> Call | None:
        if isinstance(wanted, EndReason):
            return await end(calls, call, wanted)
        if isinstance(wanted, CallStatus):
            return await calls.advance(call.call_id, wanted, CallRinging)
        return await calls.note(call.call_id, CallRinging, sip_status_code=180)

    async def write_all(wishes: list[CallStatus | EndReason | str]) -> None:
        for wish in wishes:
            written.extend(one for one in [await write(wish)] if one is not None)

    writing = asyncio.gather(*map(write_all, writers))
    said = await published_meanwhile(calls, call, writing)
    document = await stored(database, call)
    assert document["outbox"] == []
    assert document["version"] == 1 + len(written)
    assert [event["seq"] for event in said] == list(range(1, document["version"] + 1))
    endings = [event for event in said if event["type"] == CallEnded.key]
    assert len(endings) == (document["status"] in TERMINAL)
    path = [start, *(one.status for one in sorted(written, key=lambda one: one.version))]
    assert all(before == after or after in TRANSITIONS[before] for before, after in pairwise(path))
    for event in endings:
        assert (event["status"], event["end_reason"]) == (document["status"], document["end_reason"])


async def published_meanwhile(calls: Calls, call: Call, writing: asyncio.Future[Any]) -> list[dict[str, Any]]:
    """Take events out of the outbox as a relay does while others write, and what is left at the end."""
    said: list[dict[str, Any]] = []
    last_look = False
    while not last_look:
        last_look = writing.done()
        if pending := await calls.outbox.lease(call.call_id):
            said += pending.events
            await calls.outbox.settle(call.call_id, [event["event_id"] for event in pending.events])
    await writing
    return said
