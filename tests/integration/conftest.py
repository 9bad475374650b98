"""A fresh database, and what a service reads that is to work on it and on a fresh broker."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
from faststream.rabbit import RabbitBroker
from pydantic import AmqpDsn, MongoDsn

from parley_api.settings import ApiSettings
from parley_common import broker, topology
from parley_common.db import Database, connect
from parley_common.db.indexes import create_indexes
from parley_common.settings import MongoSettings, RabbitSettings
from parley_local.world import World
from tests.fakes.endpoint import Endpoint, endpoint
from tests.support.front import Client, Front, serving
from tests.support.mailroom import Mailroom, opened
from tests.support.streams import Customer, Join, joined, served
from tests.support.virtual_host import empty, virtual_host


@pytest.fixture(scope="session")
def indexed(mongodb_url: str) -> Iterator[MongoSettings]:
    """One database with all indexes for all tests: making one takes a second."""
    settings = MongoSettings(mongodb_url=MongoDsn(mongodb_url), database_name=f"test_{secrets.token_hex(4)}")
    asyncio.run(_index(settings))
    yield settings
    asyncio.run(_drop(settings))


@pytest.fixture
async def database(indexed: MongoSettings) -> AsyncIterator[Database]:
    """The database, with nothing in it."""
    async with connect(indexed) as opened:
        for name in await opened.list_collection_names():
            await opened.get_collection(name).delete_many({})
        yield opened


@pytest.fixture
async def mailroom(database: Database) -> AsyncIterator[Mailroom]:
    async with opened(database) as made:
        yield made


@pytest.fixture
async def customer() -> AsyncIterator[Endpoint]:
    """A customer's endpoint."""
    async with endpoint() as served:
        yield served


async def _index(settings: MongoSettings) -> None:
    async with connect(settings) as opened:
        await create_indexes(opened)


async def _drop(settings: MongoSettings) -> None:
    async with connect(settings) as opened:
        await opened.client.drop_database(settings.database_name)


@pytest.fixture(scope="session")
def declared(infrastructure: World) -> Iterator[str]:
    """One virtual host with all queues for all tests: declaring them takes seconds."""
    with virtual_host(infrastructure) as url:
        asyncio.run(topology.declare(url))
        yield url


@pytest.fixture
async def rabbit(infrastructure: World, declared: str) -> RabbitSettings:
    """The broker, with nothing in its queues."""
    await empty(infrastructure, declared)
    return RabbitSettings(rabbitmq_url=AmqpDsn(declared))


@pytest.fixture
async def publishes(rabbit: RabbitSettings) -> AsyncIterator[RabbitBroker]:
    """A connection over which events leave."""
    connection = broker.publisher(rabbit, "test")
    await connection.start()
    yield connection
    await connection.stop()


@pytest.fixture
def environment(infrastructure: World, rabbit: RabbitSettings, database: Database, mongodb_url: str) -> dict[str, str]:
    return infrastructure.environment() | {
        "RABBITMQ_URL": str(rabbit.rabbitmq_url),
        "MONGODB_URL": mongodb_url,
        "DATABASE_NAME": database.name,
    }


@pytest.fixture
async def front(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Front]:
    """The api, with LiveKit's trunks in memory."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with serving(ApiSettings()) as running:
        yield running


@pytest.fixture
async def owner(front: Front) -> Client:
    """Somebody with a key."""
    return await front.owner()


@pytest.fixture
async def join(front: Front, database: Database, publishes: RabbitBroker) -> AsyncIterator[Join]:
    """Return a way to make one more customer who reads streams; the api is on a real port."""
    async with served(front) as url:
        yield partial(joined, front, url, database, publishes)


@pytest.fixture
async def ada(join: Join) -> Customer:
    return await join()
