"""One world for all test processes that run at once. The last to leave finds it empty, and removes it."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from parley_local.settings import Places, Ports
from parley_local.world import World
from tests.support.leftovers import left_behind

OVERRIDES = {"API_SIGNUPS_PER_MINUTE": "10000"}


class TestRun(BaseSettings):
    """PARLEY_KEEP_WORLD=1 leaves the servers running for the next run; name and offset keep two runs apart.

    An offset below 5750 keeps every port out of the range from which the kernel takes ports for clients.
    """

    __test__ = False
    model_config = SettingsConfigDict(env_prefix="PARLEY_")

    keep_world: bool = False
    test_world: str = "test"
    test_port_offset: int = 5500


@contextmanager
def shared_world() -> Iterator[World]:
    """Yield the world, of which nothing may run yet. Raises AssertionError when calls have left something behind."""
    run = TestRun()
    with _visiting(Places().world(run.test_world).with_suffix(".visitors")) as is_last:
        world = World(run.test_world, Ports().shifted(run.test_port_offset), overrides=OVERRIDES)
        yield world
        if is_last():
            left = left_behind(world) if world.running()["agent"] else []
            outlived = "" if run.keep_world else world.clean()
            assert outlived == "", "outlived the world"
            assert left == [], "leaked"


@contextmanager
def _visiting(book: Path) -> Iterator[Callable[[], bool]]:
    """Stand in the book of visitors; yield what crosses us out, unless nobody else stands there."""
    book.parent.mkdir(parents=True, exist_ok=True)
    with book.open("w", encoding="utf-8") as visitors:
        fcntl.flock(visitors, fcntl.LOCK_SH)

        def is_last() -> bool:
            try:
                fcntl.flock(visitors, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield is_last
