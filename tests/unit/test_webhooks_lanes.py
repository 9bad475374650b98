"""Places for POSTs: how many are taken, of which endpoint, and when to look for more."""

import asyncio
from typing import Any

import pytest

from parley_common.clock import now
from parley_common.db.deliveries import Delivery
from parley_common.ids import OwnerId
from parley_webhooks import lanes
from parley_webhooks.lanes import Lane
from tests import factories


def due(*endpoints: str) -> list[Delivery]:
    return [_delivery(f"{endpoint}:{number}", endpoint) for number, endpoint in enumerate(endpoints)]


def lane(**sizes: Any) -> Lane:
    usual = {"suspect": False, "parallel": 10, "per_endpoint": 2, "writers": 10, "batch": 10, "linger": 0.05}
    return Lane(news=asyncio.Event(), **usual | sizes)


def of(owner: str, delivery: Delivery) -> Delivery:
    return delivery.model_copy(update={"owner_id": OwnerId(owner)})


def chosen(places: Lane, *endpoints: str) -> list[str]:
    return [delivery.endpoint_id for delivery in places.fitting(due(*endpoints))]


def test_endpoint_gets_no_more_places_than_it_may_have() -> None:
    places = lane()
    assert chosen(places, "a", "a", "a", "b") == ["a", "a", "b"]
    places.take(*due("a"))
    assert chosen(places, "a", "a", "a", "b") == ["a", "b"]


def test_lane_gives_no_more_places_than_it_has() -> None:
    places = lane(parallel=2)
    one, two, three = (of(f"own_{name}", delivery) for name, delivery in zip("abc", due("a", "b", "c"), strict=True))
    assert places.fitting([one, two, three]) == [one, two]
    places.take(one)
    assert (places.free, places.fitting([two, three])) == (1, [two])


async def test_endpoint_that_holds_all_its_places_is_crowded_until_one_is_free() -> None:
    places = lane()
    places.take(*due("a"))
    assert places.crowded() == []
    places.take(*due("a"))
    assert places.crowded() == ["a"]
    places.give_back(*due("a"))
    assert places.crowded() == []


def test_owner_of_many_endpoints_gets_a_share_and_leaves_the_rest_to_the_others() -> None:
    places = lane(parallel=9)
    endpoints = [str(number) for number in range(9)]
    assert chosen(places, *endpoints) == endpoints[:3]
    for delivery in due(*endpoints[:3]):
        places.take(delivery)
    late = [of("own_late", delivery) for delivery in due(*endpoints)]
    assert places.fitting([*due("x"), *late]) == late[:2]


def test_many_owners_who_give_nothing_back_leave_a_place_for_one_more() -> None:
    places = lane(parallel=100, per_endpoint=100)
    for number in range(10):
        backlog = [of(f"own_{number}", delivery) for delivery in due(*["a"] * 100)]
        for delivery in places.fitting(backlog):
            places.take(delivery)
    assert places.fitting([of("own_late", *due("late"))])


def test_owner_with_fewest_places_is_next_in_turn() -> None:
    places = lane(parallel=20)
    busy, idle, late = (OwnerId(f"own_{name}") for name in ("busy", "idle", "late"))
    for owner, endpoints in ((busy, "aab"), (idle, "c")):
        for delivery in due(*endpoints):
            places.take(of(owner, delivery))
    assert places.next_in_turn([busy, idle, late], 5) == [late]
    assert places.next_in_turn([busy, idle], 5) == [idle]
    assert places.next_in_turn([busy], 5) == [busy]


async def test_owner_who_holds_the_whole_share_has_to_give_back_first() -> None:
    places = lane(parallel=3)
    owner = due("a")[0].owner_id
    places.take(*due("a"))
    assert places.next_in_turn([owner], 5) == []
    places.give_back(*due("a"))
    assert places.next_in_turn([owner], 5) == [owner]


async def test_place_that_gets_free_calls_for_no_look_when_nothing_was_left() -> None:
    places = lane()
    places.take(*due("a"))
    places.give_back(*due("a"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await places.freed.wait()


async def test_next_look_is_at_once_when_half_of_an_endpoints_places_are_free() -> None:
    places = lane(per_endpoint=4)
    places.left_something = True
    for _ in range(4):
        places.take(*due("a"))
    places.give_back(*due("a"))
    assert not places.freed.is_set()
    places.give_back(*due("a"))
    assert places.freed.is_set()


async def test_single_place_that_gets_free_is_filled_in_a_moment() -> None:
    places = lane(per_endpoint=1)
    places.left_something = True
    places.take(*due("a"))
    places.give_back(*due("a"))
    async with asyncio.timeout(5):
        await places.freed.wait()


async def test_who_is_owed_something_is_asked_anew_when_there_is_news_but_not_when_a_place_got_free() -> None:
    places, answers = lane(), iter(["own_a", "own_b"])

    async def ask() -> list[OwnerId]:
        return [OwnerId(next(answers))]

    assert await places.owed(ask) == {"own_a"}
    places.freed.set()
    assert await places.owed(ask) == {"own_a"}
    places.news.set()
    assert await places.owed(ask) == {"own_b"}


async def test_who_is_owed_something_is_asked_anew_when_it_was_asked_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    places, answers = lane(), iter(["own_a", "own_b"])

    async def ask() -> list[OwnerId]:
        return [OwnerId(next(answers))]

    assert await places.owed(ask) == {"own_a"}
    monkeypatch.setattr(lanes, "POLL_SECONDS", 0.0)
    assert await places.owed(ask) == {"own_b"}


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
