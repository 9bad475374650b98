"""The port through which the recorder sees the bucket."""

from typing import Protocol

from parley_common.calls import Call


class Storage(Protocol):
    """What the recorder asks of the object store. Every request raises StorageUnavailable when it does not answer."""

    async def size(self, key: str) -> int | None:
        """Return an object's size in bytes; None when it is not there."""

    async def remove(self, key: str) -> None:
        """Delete an object; harmless when it is not there."""

    def path(self, key: str) -> str:
        """Return the address of an object as reports give it."""


def key_of(call: Call) -> str:
    """Return where the recording of a call lies."""
    return f"recordings/{call.call_id}.ogg"
