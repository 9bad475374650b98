"""Real servers for the tests, on shifted ports. A missing part fails the run."""

from collections.abc import Iterator

import pytest

from parley_common.settings import LiveKitSettings
from parley_local.parts import INFRASTRUCTURE
from parley_local.world import World
from tests.support.livekit_settings import livekit_of
from tests.support.shared_world import shared_world
from tests.support.virtual_host import virtual_host


@pytest.fixture(scope="session")
def servers() -> Iterator[World]:
    """Return a world of which nothing may run yet."""
    with shared_world() as world:
        yield world


@pytest.fixture(scope="session")
def infrastructure(servers: World) -> World:
    """RabbitMQ, the database and the object store."""
    servers.up(INFRASTRUCTURE)
    return servers


@pytest.fixture(scope="session")
def world(servers: World) -> World:
    """The whole world: servers, sandbox and services."""
    servers.up()
    return servers


@pytest.fixture
def livekit_settings(world: World) -> LiveKitSettings:
    return livekit_of(world)


@pytest.fixture
def rabbitmq_url(infrastructure: World) -> Iterator[str]:
    """A virtual host of its own on the real broker."""
    with virtual_host(infrastructure) as url:
        yield url


@pytest.fixture(scope="session")
def mongodb_url(infrastructure: World) -> str:
    return f"mongodb://127.0.0.1:{infrastructure.ports.mongodb_port}"
