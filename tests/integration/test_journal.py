"""The journal: one order for an owner, whoever writes, and a reader who misses nothing."""

import asyncio
from datetime import timedelta

from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.indexes import INDEXES
from parley_common.db.journal import BEGINNING, KEPT, Entry, Journal
from parley_common.ids import CallId, EventId, OwnerId

ADA, BO = OwnerId("own_ada"), OwnerId("own_bo")
WRITERS, EACH = 5, 20


def entry(number: int, owner: OwnerId = ADA, call: str = "call_1") -> Entry:
    return Entry(
        event_id=EventId(f"evt_{owner}_{number}"),
        owner_id=owner,
        call_id=CallId(call),
        event_type="call.ringing",
        body="{}",
    )


async def test_reader_beside_many_writers_sees_every_entry_once_and_in_order(database: Database) -> None:
    async def write(writer: int) -> None:
        journal = Journal(database)
        for number in range(EACH):
            await journal.append(entry(writer * EACH + number))

    async def read() -> list[Entry]:
        seen: list[Entry] = []
        while len(seen) < WRITERS * EACH:
            seen += await Journal(database).after(ADA, seen[-1].position if seen else BEGINNING, limit=7)
        return seen

    async with asyncio.timeout(60):
        reader = asyncio.create_task(read())
        await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
        seen = await reader
    assert {one.event_id for one in seen} == {entry(number).event_id for number in range(WRITERS * EACH)}
    positions = [one.position for one in seen]
    assert positions == sorted(set(positions))
    assert await Journal(database).after(ADA, BEGINNING, limit=1000) == seen


async def test_event_that_is_told_again_keeps_its_place(database: Database) -> None:
    journal = Journal(database)
    told = [await journal.append(entry(number)) for number in (1, 2, 1)]
    assert told == [True, True, False]
    assert [one.event_id for one in await journal.after(ADA, BEGINNING)] == [entry(1).event_id, entry(2).event_id]


async def test_event_that_is_told_to_many_at_once_stands_there_once(database: Database) -> None:
    journal = Journal(database)
    told = await asyncio.gather(*(journal.append(entry(1)) for _ in range(8)))
    assert sorted(told) == [False] * 7 + [True]
    assert len(await journal.after(ADA, BEGINNING)) == 1


async def test_owner_reads_own_entries_and_knows_no_others(database: Database) -> None:
    journal = Journal(database)
    await journal.append(entry(1, ADA))
    await journal.append(entry(1, BO))
    assert [one.owner_id for one in await journal.after(ADA, BEGINNING)] == [ADA]
    assert await journal.after(ADA, BEGINNING, call_id=CallId("call_2")) == []
    assert await journal.position_of(BO, entry(1, ADA).event_id) is None
    assert await journal.types_of(BO, CallId("call_1")) == {"call.ringing"}
    assert await journal.latest(OwnerId("own_nobody")) is None


async def test_journal_that_has_expired_goes_on_later_than_it_ended(database: Database) -> None:
    journal = Journal(database)
    await journal.append(entry(1))
    before = await journal.latest(ADA)
    await database.get_collection("journal").delete_many({})
    await journal.append(entry(2))
    after = await journal.latest(ADA)
    assert before is not None
    assert after is not None
    assert after.position > before.position


async def test_entry_expires_only_after_it_was_followed(database: Database) -> None:
    for number in (1, 2):
        await Journal(database).append(entry(number))
    first, last = await database.get_collection("journal").find({}).sort("position").to_list(None)
    assert now() - first["followed_at"] < timedelta(minutes=1)
    assert "followed_at" not in last
    expiring = [index.document for index in INDEXES["journal"] if "expireAfterSeconds" in index.document]
    assert [(dict(one["key"]), one["expireAfterSeconds"]) for one in expiring] == [
        ({"followed_at": 1}, KEPT.total_seconds())
    ]


async def test_entry_whose_follower_died_as_it_was_written_expires_when_that_comes_again(database: Database) -> None:
    for number in (1, 2):
        await Journal(database).append(entry(number))
    stored = database.get_collection("journal")
    await stored.update_many({}, {"$unset": {"followed_at": ""}})  # it died between its two writes
    assert not await Journal(database).append(entry(2))
    first, last = await stored.find({}).sort("position").to_list(None)
    assert "followed_at" in first
    assert "followed_at" not in last
