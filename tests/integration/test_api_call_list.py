"""The list of calls: newest first, in pages that stay put while calls are added."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from parley_common.clock import iso, now
from parley_common.db import Database
from parley_common.lifecycle import CallStatus
from tests import factories
from tests.support.envelope import data_of, reasons
from tests.support.front import Client, Front
from tests.support.stored import store

START = now() - timedelta(hours=1)

type Add = Callable[..., Awaitable[str]]


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@pytest.fixture
async def add(front: Front, owner: Client, database: Database) -> Add:
    """Store a call of the owner's that was queued at a minute."""
    account = await database.get_collection("accounts").find_one({})
    assert account is not None

    async def added(minute: int, **facts: Any) -> str:
        call = factories.call(owner_id=account["_id"], queued_at=at(minute), **facts)
        await store(front.services.calls, call)
        return call.call_id

    return added


async def listed(client: Client, **query: Any) -> list[str]:
    return [one["call_id"] for one in data_of(await client.get("/call/list", params=query))["calls"]]


async def test_pages_are_newest_first_and_stay_put_while_calls_are_added(owner: Client, add: Add) -> None:
    same_moment = sorted([await add(1) for _ in range(3)])
    expected = [await add(0), *same_moment, await add(2), await add(3), await add(4)][::-1]
    seen: list[str] = []
    cursor = None
    for minute in range(5, 20):
        page = data_of(await owner.get("/call/list", params={"limit": 2} | ({"cursor": cursor} if cursor else {})))
        seen += [one["call_id"] for one in page["calls"]]
        await add(minute)
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == expected


async def test_last_page_has_no_next_cursor(owner: Client, add: Add) -> None:
    for minute in range(2):
        await add(minute)
    assert data_of(await owner.get("/call/list?limit=2"))["next_cursor"] is None
    assert data_of(await owner.get("/call/list?limit=1"))["next_cursor"] is not None


async def test_filters_choose_calls_alone_and_together(owner: Client, add: Add) -> None:
    other = factories.assistant(assistant_id="asst_other")
    busy = await add(0, status=CallStatus.BUSY, to_number="+15550000486")
    elsewhere = await add(1, trunk_id="ST_other", assistant=other)
    both = await add(2, status=CallStatus.BUSY, trunk_id="ST_other")
    assert await listed(owner, call_status="busy") == [both, busy]
    assert await listed(owner, to_number="+15550000486") == [busy]
    assert await listed(owner, trunk_id="ST_other") == [both, elsewhere]
    assert await listed(owner, assistant_id="asst_other") == [elsewhere]
    assert await listed(owner, trunk_id="ST_other", call_status="busy") == [both]
    assert await listed(owner, trunk_id="ST_other", call_status="failed") == []


async def test_times_bound_the_list_from_and_up_to(owner: Client, add: Add) -> None:
    first, second, third = [await add(minute) for minute in range(3)]
    assert await listed(owner, queued_from=iso(at(1))) == [third, second]
    assert await listed(owner, queued_to=iso(at(1))) == [first]
    assert await listed(owner, queued_from=iso(at(1)), queued_to=iso(at(2))) == [second]
    local = at(1).isoformat().replace("+00:00", "")
    assert await listed(owner, queued_from=local) == [third, second], "a time without a zone is UTC"


async def test_filters_and_cursor_go_together(owner: Client, add: Add) -> None:
    busy = [await add(minute, status=CallStatus.BUSY) for minute in (0, 2, 4)]
    for minute in (1, 3):
        await add(minute)
    page = data_of(await owner.get("/call/list?call_status=busy&limit=1"))
    rest = await listed(owner, call_status="busy", cursor=page["next_cursor"])
    assert [page["calls"][0]["call_id"], *rest] == busy[::-1]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"limit": "0"}, "must be 1 or more"),
        ({"limit": "201"}, "must be 200 or less"),
        ({"limit": "many"}, "must be a whole number"),
        ({"cursor": "bm90IG91cnM="}, "must be a next_cursor of an earlier page"),
        ({"to_number": "5550000"}, "must be E.164: + and 2 to 15 digits, e.g. +15550000000"),
        ({"queued_from": "yesterday"}, "must be a time, e.g. 2024-03-20T10:00:00Z"),
        ({"queued_to": "9999-12-31T23:59:59-14:00"}, "must be a time between the years 1 and 9999 in UTC"),
    ],
)
async def test_wrong_filter_is_named(owner: Client, query: dict[str, str], reason: str) -> None:
    assert reasons(await owner.get("/call/list", params=query)) == {next(iter(query)): reason}


async def test_unknown_status_is_refused_with_the_known_ones(owner: Client) -> None:
    reason = reasons(await owner.get("/call/list?call_status=lost"))["call_status"]
    assert all(f"'{status}'" in reason for status in CallStatus)
