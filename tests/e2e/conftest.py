"""A customer on the running world."""

from collections.abc import AsyncIterator

import pytest

from parley_local.world import World
from tests.support.customer import Customer


@pytest.fixture
async def customer(world: World) -> AsyncIterator[Customer]:
    """A new customer; pytest shows what the services logged about the calls of a test that fails."""
    async with Customer(world) as customer:
        yield customer
        print(*customer.log(), sep="\n")  # noqa: T201  # pytest keeps it for a failure
