"""A second version of an event, beside the first, for as long as a test needs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from parley_common.events import CATALOGUE, PUBLIC, Event


@contextmanager
def second_version() -> Iterator[type[Event]]:
    """Have a phone that rings be told of in another way too."""

    class CallRingingV2(Event, key="call.ringing.v2", public=True):
        """The callee's phone rings; says which."""

        to_number: str

    try:
        yield CallRingingV2
    finally:
        del CATALOGUE[CallRingingV2.key], PUBLIC[CallRingingV2.name()]
