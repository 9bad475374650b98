"""Places for POSTs: how many are taken, of which endpoint, and when to look for more."""

import asyncio
from typing import Any

import pytest

from parley_common.clock import now
from parley_common.db.deliveries import Delivery
from parley_webhooks.dispatching import Lane
from tests import factories


def due(*endpoints: str) -> list[Delivery]:
    return [_delivery(f"{endpoint}:{number}", endpoint) for number, endpoint in enumerate(endpoints)]


def lane(**sizes: Any) -> Lane:
    return Lane(**{"suspect": False, "parallel": 10, "per_endpoint": 2, "per_owner": 9, "writers": 10} | sizes)


def chosen(places: Lane, *endpoints: str) -> list[str]:
    return [delivery.endpoint_id for delivery in places.fitting(due(*endpoints))]


def test_endpoint_gets_no_more_places_than_it_may_have() -> None:
    places = lane()
    assert chosen(places, "a", "a", "a", "b") == ["a", "a", "b"]
    places.take(*due("a"))
    assert chosen(places, "a", "a", "a", "b") == ["a", "b"]


def test_lane_gives_no_more_places_than_it_has() -> None:
    places = lane(parallel=2)
    assert chosen(places, "a", "b", "c") == ["a", "b"]
    places.take(*due("a"))
    assert (places.free, chosen(places, "b", "c")) == (1, ["b"])


async def test_endpoint_that_holds_all_its_places_is_crowded_until_one_is_free() -> None:
    places = lane()
    places.take(*due("a"))
    assert places.crowded()["endpoint_id"] == []
    places.take(*due("a"))
    assert places.crowded()["endpoint_id"] == ["a"]
    places.give_back(*due("a"))
    assert places.crowded()["endpoint_id"] == []


def test_owner_of_many_endpoints_gets_no_more_places_than_one_may_have() -> None:
    places = lane(per_owner=3)
    assert chosen(places, "a", "b", "c", "d") == ["a", "b", "c"]
    for delivery in due("a", "b", "c"):
        places.take(delivery)
    assert places.crowded()["owner_id"] == [delivery.owner_id for delivery in due("a")]
    other = due("x")[0].model_copy(update={"owner_id": "own_other"})
    assert places.fitting([*due("d"), other]) == [other]


async def test_place_that_gets_free_calls_for_no_look_when_nothing_was_left() -> None:
    places = lane()
    places.take(*due("a"))
    places.give_back(*due("a"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await places.woken.wait()


async def test_next_look_is_at_once_when_half_of_an_endpoints_places_are_free() -> None:
    places = lane(per_endpoint=4)
    places.left_something = True
    for _ in range(4):
        places.take(*due("a"))
    places.give_back(*due("a"))
    assert not places.woken.is_set()
    places.give_back(*due("a"))
    assert places.woken.is_set()


async def test_single_place_that_gets_free_is_filled_in_a_moment() -> None:
    places = lane(per_endpoint=1)
    places.left_something = True
    places.take(*due("a"))
    places.give_back(*due("a"))
    async with asyncio.timeout(5):
        await places.woken.wait()


def _delivery(delivery_id: str, endpoint_id: str) -> Delivery:
    moment = now()
    fields: dict[str, Any] = {
        "delivery_id": delivery_id,
        "endpoint_id": endpoint_id,
        "owner_id": factories.call().owner_id,
        "call_id": None,
        "event_id": "evt_1",
        "event_type": "call.ended",
        "url": "",
        "signed_by": endpoint_id,
        "occurred_at": moment,
        "created_at": moment,
        "next_attempt_at": moment,
    }
    return Delivery(**fields)
