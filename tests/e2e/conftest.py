"""A customer on the running world."""

from collections.abc import AsyncIterator

import pytest

from parley_local.world import World
from tests.support.customer import Customer


@pytest.fixture
async def customer(world: World) -> AsyncIterator[Customer]:
    async with Customer(world) as customer:
        yield customer
