"""Subscriptions over HTTP: made on RabbitMQ and kept here together, whole or not at all."""

import asyncio
import re
from typing import Any

import aio_pika
import pytest
import structlog
from pydantic import AmqpDsn
from yarl import URL

from parley_common.db import Database
from parley_common.settings import RabbitSettings
from parley_common.subscriptions import PATTERNS
from tests.support.envelope import data_of, reasons, refused
from tests.support.front import SUBSCRIPTION, Client, Front
from tests.support.integrator import declare_exchanges, opens


@pytest.fixture
async def rabbit(rabbitmq_url: str) -> RabbitSettings:
    """A broker without the services' queues."""
    await declare_exchanges(rabbitmq_url)
    return RabbitSettings(rabbitmq_url=AmqpDsn(rabbitmq_url))


async def test_new_subscription_answers_with_an_address_that_opens_its_queue(owner: Client) -> None:
    made = data_of(await owner.post("/subscriptions", SUBSCRIPTION))
    assert set(made) == {"subscription_name", "queue_name", "amqp_url"}
    assert re.fullmatch(r"int\.own_[0-9a-f]+\.crm-sync", made["queue_name"])
    assert await opens(made["amqp_url"])
    shown = data_of(await owner.get("/subscriptions/crm-sync"))
    assert (shown["status"], shown["messages"], shown["event_types"]) == ("active", 0, None)


async def test_password_is_shown_once_and_neither_stored_nor_logged(owner: Client, database: Database) -> None:
    with structlog.testing.capture_logs() as lines:
        password = URL(await owner.subscription()).password or ""
        shown = [await owner.get("/subscriptions"), await owner.get("/subscriptions/crm-sync")]
    stored = await database.get_collection("subscriptions").find_one({})
    assert stored is not None
    assert len(password) >= 32
    assert all(password not in text for text in (*(answer.text for answer in shown), str(stored), str(lines)))


async def test_queue_is_capped_by_number_size_and_age_and_goes_when_nobody_reads_it(
    owner: Client, front: Front
) -> None:
    made = data_of(await owner.post("/subscriptions", SUBSCRIPTION))
    management = front.services.management
    told = await management._ask("GET", management._queue(made["queue_name"]))  # noqa: SLF001  # RabbitMQ's own words
    assert told is not None
    assert (told["durable"], told["arguments"]["x-queue-type"], told["arguments"]["x-overflow"]) == (
        True, "quorum", "drop-head",
    )  # fmt: skip
    caps = {"x-max-length", "x-max-length-bytes", "x-message-ttl", "x-expires", "x-delivery-limit"}
    assert all(told["arguments"][cap] > 0 for cap in caps)


async def test_each_wrong_field_is_named_with_its_reason(owner: Client) -> None:
    odd_name = "must be 1 to 50 lower-case letters, digits and hyphens, e.g. crm-sync"
    wrong: list[tuple[dict[str, Any], str]] = [
        *[({"subscription_name": name}, odd_name) for name in ("", "a.b", "a\n", "-a", "A", "#", "x" * 51)],
        ({"event_types": []}, "must have 1 or more items"),
        ({"event_types": ["call.*", "call.*"]}, "must not name an event type twice"),
        ({"password": "mine"}, "no such field"),
    ]
    for fields, reason in wrong:
        answered = reasons(await owner.post("/subscriptions", SUBSCRIPTION | fields))
        assert answered == {next(iter(fields)): reason}


async def test_only_public_events_and_their_nouns_can_be_asked_for(owner: Client) -> None:
    for pattern in (
        "#",
        "*",
        "",
        "call.#",
        "*.ended",
        "call.ended.v1",
        "own_other.call.ended",
        "agent.*",
        "agent.ready",
    ):
        answered = reasons(await owner.post("/subscriptions", SUBSCRIPTION | {"event_types": [pattern]}))
        assert answered == {"event_types.0": f"must be one of {', '.join(PATTERNS)}"}


async def test_name_that_is_taken_is_refused_and_leaves_the_first_as_it_was(owner: Client) -> None:
    address = await owner.subscription()
    again = await owner.post("/subscriptions", SUBSCRIPTION)
    assert refused(again) == (409, "Subscription with this name already exists")
    assert again.json()["data"]["errors"] == [
        {"field": "subscription_name", "reason": "is taken by another subscription"}
    ]
    assert await opens(address)


async def test_of_two_made_at_once_under_one_name_one_is_refused_and_the_other_works(owner: Client) -> None:
    answers = await asyncio.gather(*(owner.post("/subscriptions", SUBSCRIPTION) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    (made,) = [data_of(answer) for answer in answers if answer.is_success]
    assert await opens(made["amqp_url"])


async def test_two_owners_may_use_one_name(front: Front, owner: Client) -> None:
    first, second = await owner.subscription(), await (await front.owner()).subscription()
    assert URL(first).user != URL(second).user
    assert await opens(first)
    assert await opens(second)


async def test_account_has_a_bounded_number_of_subscriptions_even_when_they_are_made_at_once(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley_api.subscriptions.service.MAX_SUBSCRIPTIONS", 1)
    await owner.subscription()
    names = [f"more-{number}" for number in range(3)]
    answers = await asyncio.gather(*(owner.post("/subscriptions", {"subscription_name": name}) for name in names))
    assert {refused(answer) for answer in answers} == {(409, "An account has 1 subscriptions at most")}
    assert [one["subscription_name"] for one in data_of(await owner.get("/subscriptions"))] == ["crm-sync"]


async def test_list_shows_subscriptions_newest_first_page_by_page(owner: Client) -> None:
    await owner.subscription()
    await owner.subscription(subscription_name="billing", event_types=["call.ended", "recording.*"])
    whole = data_of(await owner.get("/subscriptions"))
    assert [one["subscription_name"] for one in whole] == ["billing", "crm-sync"]
    assert [one["event_types"] for one in whole] == [["call.ended", "recording.*"], None]
    assert data_of(await owner.get("/subscriptions?limit=1&offset=1")) == whole[1:]


async def test_rotation_ends_the_old_password_and_its_connections_and_keeps_the_queue(owner: Client) -> None:
    old = await owner.subscription()
    connection = await aio_pika.connect(old)
    ended = asyncio.Event()
    connection.close_callbacks.add(lambda *_: ended.set())
    new = data_of(await owner.post("/subscriptions/crm-sync/rotate-password"))["amqp_url"]
    async with asyncio.timeout(10):
        await ended.wait()
    assert not await opens(old)
    assert await opens(new)


async def test_of_two_rotations_at_once_each_that_is_answered_was_the_last_at_its_time(owner: Client) -> None:
    await owner.subscription()
    path = "/subscriptions/crm-sync/rotate-password"
    answers = await asyncio.gather(*(owner.post(path) for _ in range(3)))
    done = [answer for answer in answers if answer.is_success]
    late = {refused(answer) for answer in answers if not answer.is_success}
    assert late <= {(409, "The subscription is being changed at this moment")}
    assert [await opens(data_of(answer)["amqp_url"]) for answer in done].count(True) == 1


async def test_deleted_subscription_is_gone_with_its_user_and_queue_and_its_name_is_free(
    owner: Client, front: Front
) -> None:
    made = data_of(await owner.post("/subscriptions", SUBSCRIPTION))
    assert (await owner.send("DELETE", "/subscriptions/crm-sync")).is_success
    assert not await opens(made["amqp_url"])
    assert await front.services.management.state_of(made["queue_name"]) is None
    assert refused(await owner.get("/subscriptions/crm-sync")) == (404, "Subscription not found")
    assert await opens(await owner.subscription())


async def test_queue_that_has_expired_is_told_and_made_anew_with_the_next_password(owner: Client, front: Front) -> None:
    made = data_of(await owner.post("/subscriptions", SUBSCRIPTION))
    management = front.services.management
    await management._ask("DELETE", management._queue(made["queue_name"]))  # noqa: SLF001  # as RabbitMQ would
    assert data_of(await owner.get("/subscriptions/crm-sync"))["status"] == "expired"
    fresh = data_of(await owner.post("/subscriptions/crm-sync/rotate-password"))["amqp_url"]
    assert data_of(await owner.get("/subscriptions/crm-sync"))["status"] == "active"
    assert await opens(fresh)
