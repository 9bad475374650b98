"""Several test processes share one world; the last one to go knows that it is the last."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def visiting(place: Path) -> Iterator[Callable[[], bool]]:
    """Be one of the visitors; yield what says, once only, whether none of the others is there any more.

    Who asks has left, unless it is the last: nobody comes in before that one has gone.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w", encoding="utf-8") as book:
        fcntl.flock(book, fcntl.LOCK_SH)

        def last() -> bool:
            try:
                fcntl.flock(book, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield last
