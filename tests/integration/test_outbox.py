"""What is left of a call's outbox after a relay has published from it, on the real database."""

import pytest

from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.events import CallRinging
from parley_common.ids import CallId, event_id
from tests import factories
from tests.support.second_version import second_version
from tests.support.stored import store


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database)


async def test_outbox_whose_events_are_all_published_is_forgotten_by_the_sweeper(calls: Calls) -> None:
    call_id = await _requested(calls)
    assert await calls.outbox.settle(call_id, await _leased(calls, call_id))
    assert await calls.outbox.stale(now()) == []


async def test_event_that_came_while_others_were_published_stays(calls: Calls) -> None:
    call_id = await _requested(calls)
    published = await _leased(calls, call_id)
    await calls.note(call_id, CallRinging)
    assert not await calls.outbox.settle(call_id, published)
    assert await _leased(calls, call_id) == [event_id(call_id, 2)]


async def test_change_says_its_event_in_all_versions(calls: Calls) -> None:
    call_id = await _requested(calls)
    await calls.outbox.settle(call_id, await _leased(calls, call_id))
    with second_version():
        await calls.note(call_id, CallRinging)
    assert await _leased(calls, call_id) == [event_id(call_id, 2), event_id(call_id, 2, "v2")]


async def test_relay_that_lost_its_lease_does_not_remove_the_event_of_a_later_write(calls: Calls) -> None:
    call_id = await _requested(calls)
    published = await _leased(calls, call_id)
    await calls.outbox.settle(call_id, published)
    await calls.note(call_id, CallRinging)
    assert not await calls.outbox.settle(call_id, published)
    assert len(await _leased(calls, call_id)) == 1


async def _requested(calls: Calls) -> CallId:
    call = factories.call()
    await store(calls, call)
    return call.call_id


async def _leased(calls: Calls, call_id: CallId) -> list[str]:
    pending = await calls.outbox.lease(call_id)
    return [event["event_id"] for event in pending.events] if pending else []
