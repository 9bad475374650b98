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
    return Lane(**{"suspect": False, "parallel": 10, "per_endpoint": 2, "writers": 10} | sizes)


def chosen(places: Lane, *endpoints: str) -> list[str]:
    return [delivery.endpoint_id for delivery in places.fitting(due(*endpoints))]


def test_endpoint_gets_no_more_places_than_it_may_have() -> None:
    places = lane()
    assert chosen(places, "a", "a", "a", "b") == ["a", "a", "b"]
    places.take("a")
    assert chosen(places, "a", "a", "a", "b") == ["a", "b"]


def test_lane_gives_no_more_places_than_it_has() -> None:
    places = lane(parallel=2)
    assert chosen(places, "a", "b", "c") == ["a", "b"]
    places.take("a")
    assert (places.places, chosen(places, "b", "c")) == (1, ["b"])


async def test_endpoint_that_holds_all_its_places_is_crowded_until_one_is_free() -> None:
    places = lane()
    places.take("a")
    assert places.crowded() == []
    places.take("a")
    assert places.crowded() == ["a"]
    places.give_back("a")
    assert places.crowded() == []


async def test_place_that_gets_free_calls_for_no_look_when_nothing_was_left() -> None:
    places = lane()
    places.take("a")
    places.give_back("a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await places.woken.wait()


async def test_next_look_is_at_once_when_half_of_an_endpoints_places_are_free() -> None:
    places = lane(per_endpoint=4)
    places.left_something = True
    for _ in range(4):
        places.take("a")
    places.give_back("a")
    assert not places.woken.is_set()
    places.give_back("a")
    assert places.woken.is_set()


async def test_single_place_that_gets_free_is_filled_in_a_moment() -> None:
    places = lane(per_endpoint=1)
    places.left_something = True
    places.take("a")
    places.give_back("a")
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
