"""A customer on the running world."""

from collections.abc import AsyncIterator, Generator

import pytest

from parley_local.world import World
from tests.support.customer import Customer


@pytest.fixture
async def customer(world: World) -> AsyncIterator[Customer]:
    async with Customer(world) as customer:
        yield customer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services logged about the calls of a test that failed."""
    report = yield
    customer = item.funcargs.get("customer")
    if report.failed and isinstance(customer, Customer):
        report.sections.append(("its calls, as logged", "\n".join(customer.log())))
    return report
