"""Real servers for the tests: one world of their own, on shifted ports. A missing part fails the run."""

from collections.abc import Iterator

import pytest
from pydantic_settings import BaseSettings, SettingsConfigDict

from parley_common.settings import LiveKitSettings
from parley_local.parts import INFRASTRUCTURE
from parley_local.settings import Places, Ports
from parley_local.world import World
from tests.support.leftovers import left_behind
from tests.support.livekit_settings import livekit_of
from tests.support.virtual_host import virtual_host
from tests.support.visiting import visiting


class TestRun(BaseSettings):
    """PARLEY_KEEP_WORLD=1 leaves the servers running for the next run; name and offset keep two runs apart.

    An offset below 5750 keeps every port out of the range from which the kernel takes ports for clients.
    """

    __test__ = False
    model_config = SettingsConfigDict(env_prefix="PARLEY_")

    keep_world: bool = False
    test_world: str = "test"
    test_port_offset: int = 5500


@pytest.fixture(scope="session")
def servers() -> Iterator[World]:
    """Return a world of which nothing runs yet. The last who leaves it finds it empty, and removes its data."""
    run = TestRun()
    overrides = {"API_SIGNUPS_PER_MINUTE": "10000"}
    with visiting(Places().world(run.test_world).with_suffix(".visitors")) as last:
        world = World(run.test_world, Ports().shifted(run.test_port_offset), overrides=overrides)
        yield world
        if last():
            left = left_behind(world) if world.running()["agent"] else []
            if not run.keep_world:
                world.clean()
            assert left == [], "leaked"


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
