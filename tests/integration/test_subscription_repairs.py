"""What is left of a subscription when something fails in the middle: nothing, or what its owner can see and mend."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import AmqpDsn, HttpUrl
from yarl import URL

from parley_api.settings import ApiSettings, IntegratorSettings
from parley_common.clock import now
from parley_common.db import Database
from parley_common.errors import DatabaseUnavailable
from parley_common.settings import RabbitSettings
from parley_common.subscriptions import Subscription
from tests.support.envelope import data_of, refused
from tests.support.front import SUBSCRIPTION, Client, Front, serving
from tests.support.gatekeeper import Gatekeeper, gatekeeper
from tests.support.integrator import declare_exchanges, opens
from tests.support.wire import wire_to

UNAVAILABLE = (503, "Service temporarily unavailable")
STEPS = ("PUT queues", "POST bindings", "PUT users", "PUT permissions", "PUT user-limits")
ROTATE = "/subscriptions/crm-sync/rotate-password"


@pytest.fixture
async def rabbit(rabbitmq_url: str) -> RabbitSettings:
    """A broker without the services' queues."""
    await declare_exchanges(rabbitmq_url)
    return RabbitSettings(rabbitmq_url=AmqpDsn(rabbitmq_url))


@pytest.fixture
async def gate(environment: dict[str, str]) -> AsyncIterator[Gatekeeper]:
    async with gatekeeper(URL(environment["RABBITMQ_MANAGEMENT_URL"])) as opened:
        yield opened


@pytest.fixture
async def front(environment: dict[str, str], gate: Gatekeeper, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Front]:
    """The api, which reaches RabbitMQ's management through the gate."""
    for name, value in (environment | {"RABBITMQ_MANAGEMENT_URL": gate.url}).items():
        monkeypatch.setenv(name, value)
    async with serving(ApiSettings()) as running:
        yield running


async def status(owner: Client) -> str:
    return str(data_of(await owner.get("/subscriptions/crm-sync"))["status"])


async def left_on_rabbitmq(front: Front, database: Database) -> set[str]:
    """Name what RabbitMQ has of the one account's subscription."""
    account = await database.get_collection("accounts").find_one({})
    assert account is not None
    name, management = f"int.{account['_id']}.crm-sync", front.services.management
    found = {"user": await management._ask("GET", f"users/{name}"), "queue": await management.state_of(name)}  # noqa: SLF001  # RabbitMQ's own words
    return {part for part, told in found.items() if told is not None}


async def test_step_that_fails_leaves_nothing_behind(
    front: Front, owner: Client, gate: Gatekeeper, database: Database
) -> None:
    for step in STEPS:
        gate.shut = step
        put_off = await owner.post("/subscriptions", SUBSCRIPTION)
        assert refused(put_off) == UNAVAILABLE, step
        assert int(put_off.headers["retry-after"]) >= 1
        assert data_of(await owner.get("/subscriptions")) == []
        assert await left_on_rabbitmq(front, database) == set(), step
    gate.shut = None
    assert await opens(await owner.subscription())


async def test_subscription_that_cannot_be_kept_is_taken_back_from_rabbitmq(
    front: Front, owner: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_subscription: Subscription, *, ready: bool) -> None:
        assert ready
        assert await left_on_rabbitmq(front, database) == {"user", "queue"}
        raise DatabaseUnavailable("the database cannot be reached")

    monkeypatch.setattr(front.services.subscriptions, "let_go", away)
    assert refused(await owner.post("/subscriptions", SUBSCRIPTION)) == UNAVAILABLE
    assert await left_on_rabbitmq(front, database) == set()
    assert data_of(await owner.get("/subscriptions")) == []


@pytest.fixture
async def unfinished(front: Front, owner: Client, gate: Gatekeeper) -> None:
    """A subscription of which RabbitMQ has a queue and no user, because its management went away."""
    provide = front.services.management.provide

    async def cut_short(name: str, binding_keys: list[str], password: str) -> None:
        gate.shut = "PUT users"
        try:
            await provide(name, binding_keys, password)
        finally:
            gate.shut = ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(front.services.management, "provide", cut_short)
        assert refused(await owner.post("/subscriptions", SUBSCRIPTION)) == UNAVAILABLE
    gate.shut = None


@pytest.mark.usefixtures("unfinished")
async def test_unfinished_subscription_is_seen_and_made_anew_under_its_name(owner: Client) -> None:
    assert await status(owner) == "unfinished"
    assert await opens(await owner.subscription())
    assert await status(owner) == "active"


@pytest.mark.usefixtures("unfinished")
async def test_unfinished_subscription_is_made_whole_by_a_new_password(owner: Client) -> None:
    assert await opens(data_of(await owner.post(ROTATE))["amqp_url"])
    assert await status(owner) == "active"


@pytest.mark.usefixtures("unfinished")
async def test_unfinished_subscription_can_be_deleted(front: Front, owner: Client, database: Database) -> None:
    assert await left_on_rabbitmq(front, database) == {"queue"}
    assert (await owner.send("DELETE", "/subscriptions/crm-sync")).is_success
    assert await left_on_rabbitmq(front, database) == set()


async def test_deletion_that_failed_half_way_can_be_repeated(
    front: Front, owner: Client, gate: Gatekeeper, database: Database
) -> None:
    await owner.subscription()
    gate.shut = "DELETE queues"
    assert refused(await owner.send("DELETE", "/subscriptions/crm-sync")) == UNAVAILABLE
    assert await left_on_rabbitmq(front, database) == {"queue"}
    gate.shut = None
    assert (await owner.send("DELETE", "/subscriptions/crm-sync")).is_success
    assert await left_on_rabbitmq(front, database) == set()


async def test_what_a_process_held_when_it_died_is_free_after_a_while(owner: Client, database: Database) -> None:
    await owner.subscription()
    collection = database.get_collection("subscriptions")
    await collection.update_one({}, {"$set": {"ready": False, "busy_until": now() + timedelta(minutes=1)}})
    held = (409, "The subscription is being changed at this moment")
    assert refused(await owner.post(ROTATE)) == refused(await owner.send("DELETE", "/subscriptions/crm-sync")) == held
    assert refused(await owner.post("/subscriptions", SUBSCRIPTION))[0] == 409
    await collection.update_one({}, {"$set": {"busy_until": now() - timedelta(seconds=1)}})
    assert await opens(await owner.subscription())


async def test_management_that_knows_another_password_or_is_away_is_put_off(
    settings: ApiSettings, gate: Gatekeeper, owner: Client, unused_tcp_port: int
) -> None:
    for url in (str(URL(gate.url).with_password("wrong")), f"http://guest:guest@127.0.0.1:{unused_tcp_port}/"):
        settings.integrators = IntegratorSettings(rabbitmq_management_url=HttpUrl(url))
        async with serving(settings) as cut_off:
            client = await cut_off.stranger()
            client.http.headers["x-api-key"] = owner.http.headers["x-api-key"]
            assert refused(await client.post("/subscriptions", SUBSCRIPTION)) == UNAVAILABLE
            assert "wrong" not in (await client.get("/subscriptions")).text


async def test_management_that_hangs_is_given_up_in_time(
    settings: ApiSettings, gate: Gatekeeper, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley_api.subscriptions.management.REQUEST_TIMEOUT_SECONDS", 0.3)
    async with wire_to(URL(gate.url).port or 0) as wire:
        wire.freeze()
        settings.integrators = IntegratorSettings(
            rabbitmq_management_url=HttpUrl(str(URL(gate.url).with_port(wire.port)))
        )
        async with serving(settings) as cut_off, asyncio.timeout(10):
            client = await cut_off.stranger()
            client.http.headers["x-api-key"] = owner.http.headers["x-api-key"]
            assert refused(await client.post("/subscriptions", SUBSCRIPTION)) == UNAVAILABLE


@pytest.fixture
def settings(front: Front) -> ApiSettings:
    """Settings of another api on the same servers, to be pointed elsewhere before it starts."""
    return ApiSettings()
