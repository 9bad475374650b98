"""The promise, in its short form; `make faults` gives the long one."""

import asyncio
from collections.abc import Iterator

import pytest

from parley_local.world import World
from tests.faults.running import make_world, run

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def faulty_world() -> Iterator[World]:
    world = make_world()
    world.up()
    yield world
    world.clean()


@pytest.mark.timeout(900)
def test_every_accepted_call_ends_once_and_is_reported_truly_while_everything_dies_in_turn(faulty_world: World) -> None:
    findings, faults = asyncio.run(run(faulty_world, calls=16, at_once=4, seed=1))
    assert findings.broken() == {}, faults
    assert findings.accepted == findings.ended == findings.reported == 16
    assert len(faults) >= 5, "nothing was broken, so nothing was proved"
