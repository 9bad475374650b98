"""A relay that publishes nothing: events stay in the outbox, where a test can read them."""

from parley_common.db.outbox import PendingEvents
from parley_common.ids import CallId
from parley_common.relay import Relay


class FakeRelay(Relay):
    """Remembers which calls it was asked to flush."""

    def __init__(self) -> None:
        self.flushed: list[CallId] = []

    def flush_soon(self, call_id: CallId) -> None:
        self.flushed.append(call_id)

    def publish_soon(self, pending: PendingEvents) -> None:
        self.flushed.append(pending.call_id)

    async def drain(self) -> None:
        return

    async def flush(self, call_id: CallId) -> None:
        self.flushed.append(call_id)
