"""What callers of the api see while the database, RabbitMQ or LiveKit is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import AmqpDsn, MongoDsn

from parley_api.settings import ApiSettings
from parley_common.db import Database
from parley_common.settings import MongoSettings, RabbitSettings
from parley_local.world import World
from tests.support.envelope import data_of, refused
from tests.support.front import ASSISTANT, TRUNK, Client, Front, serving
from tests.support.listener import listening
from tests.support.wire import Wire, wire_to

UNAVAILABLE = (503, "Service temporarily unavailable")
PATIENCE_SECONDS = 15.0
"""How long the slowest answer may take, on a busy machine."""


@pytest.fixture
def settings(front: Front) -> ApiSettings:
    """Settings of another api on the same servers, to be pointed elsewhere before it starts."""
    return ApiSettings()


@pytest.fixture
async def wired(settings: ApiSettings, database: Database, infrastructure: World) -> AsyncIterator[tuple[Front, Wire]]:
    """An api that reaches its database over a wire."""
    async with wire_to(infrastructure.ports.mongodb_port) as wire:
        url = MongoDsn(f"mongodb://127.0.0.1:{wire.port}")
        settings.mongo = MongoSettings(mongodb_url=url, database_name=database.name)
        async with serving(settings) as behind:
            yield behind, wire
            wire.cut()  # a client that closes speaks to its server once more, and blocks this loop


async def test_without_a_database_every_request_is_put_off_in_time(
    settings: ApiSettings, owner: Client, unused_tcp_port: int
) -> None:
    order, key = await owner.order(), owner.http.headers["x-api-key"]
    settings.mongo = MongoSettings(mongodb_url=MongoDsn(f"mongodb://127.0.0.1:{unused_tcp_port}"))
    async with serving(settings) as cut_off:
        client = await cut_off.stranger()
        client.http.headers["x-api-key"] = key
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = await asyncio.gather(
                client.post("/call/outbound", order, headers={"Idempotency-Key": "1"}),
                client.get("/call/list"),
                client.post("/assistant/create", ASSISTANT),
                client.post("/auth/create-key", {"user_name": "Bo", "user_email": "bo@example.com"}),
            )
        assert [refused(answer) for answer in answers] == [UNAVAILABLE] * 4
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert data_of(await client.get("/health")) == {}
        ready = await client.get("/ready")
        assert refused(ready) == (503, "Something is missing")
        assert "database" in ready.json()["data"]["missing"]
    assert data_of(await owner.get("/call/list"))["calls"] == []


async def test_database_that_hangs_is_given_up_and_serves_again_when_it_is_back(wired: tuple[Front, Wire]) -> None:
    front, wire = wired
    owner = await front.owner()
    order = await owner.order()
    wire.freeze()
    async with asyncio.timeout(PATIENCE_SECONDS):
        response = await owner.post("/call/outbound", order)
    assert refused(response) == UNAVAILABLE
    wire.thaw()
    call = data_of(await owner.post("/call/outbound", order), 202)
    assert [one["call_id"] for one in data_of(await owner.get("/call/list"))["calls"]] == [call["call_id"]]


async def test_call_is_accepted_without_rabbitmq_and_goes_out_when_it_is_back(
    settings: ApiSettings, front: Front, owner: Client, rabbit: RabbitSettings, unused_tcp_port: int
) -> None:
    order = await owner.order()
    key = owner.http.headers["x-api-key"]
    settings.rabbit = RabbitSettings(rabbitmq_url=AmqpDsn(f"amqp://guest:guest@127.0.0.1:{unused_tcp_port}/"))
    async with listening(str(rabbit.rabbitmq_url)) as listener:
        async with serving(settings) as mute:
            client = await mute.stranger()
            client.http.headers["x-api-key"] = key
            call = data_of(await client.post("/call/outbound", order), 202)
            assert (await client.get("/ready")).json()["data"]["missing"] == ["broker"]
        event = await listener.next()
    assert (event["type"], event["call_id"]) == ("call.requested.v1", call["call_id"])


async def test_trunk_is_put_off_while_livekit_is_away_and_refused_when_it_says_no(front: Front, owner: Client) -> None:
    front.trunks.away = True
    put_off = await owner.post("/sip/create-outbound-trunk", TRUNK)
    assert "livekit" in (await owner.get("/ready")).json()["data"]["missing"]
    front.trunks.away, front.trunks.refuses = False, True
    said_no = await owner.post("/sip/create-outbound-trunk", TRUNK)
    assert refused(put_off) == UNAVAILABLE
    assert refused(said_no) == (400, "LiveKit refused the trunk: invalid_argument")
    assert data_of(await owner.get("/sip/list")) == []


async def test_call_is_accepted_while_livekit_is_away(front: Front, owner: Client) -> None:
    order = await owner.order()
    front.trunks.away = True
    assert data_of(await owner.post("/call/outbound", order), 202)["status"] == "queued"
