"""Who reads streams at this replica: a bounded number of each owner, woken when there is more to read."""

import asyncio
import secrets
from collections import defaultdict
from typing import Annotated, Any

from faststream import AckPolicy
from faststream.rabbit import RabbitQueue, RabbitRouter
from prometheus_client import Gauge

from parley_api.errors import RETRY_AFTER_SECONDS, ApiError
from parley_common.broker import JOURNAL, Given
from parley_common.ids import OwnerId

QUEUE_EXPIRES_MS = 60_000
QUEUE_LENGTH = 1_000
_OPEN = Gauge("parley_api_open_streams", "Live streams that are being read.")


def router() -> RabbitRouter:
    """Hear whose journal has grown, over a queue of this replica's own that ends with it.

    The queue outlives a lost connection for a minute. An exclusive one would be locked until RabbitMQ has missed the
    old connection's heartbeats.
    """
    bound = RabbitRouter()
    own = RabbitQueue(
        f"api.journal.{secrets.token_hex(6)}",
        arguments={"x-expires": QUEUE_EXPIRES_MS, "x-max-length": QUEUE_LENGTH},
    )

    @bound.subscriber(own, JOURNAL, ack_policy=AckPolicy.ACK_FIRST)
    async def on_growth(told: dict[str, Any], readers: Annotated["Readers", Given()]) -> None:
        readers.wake(OwnerId(told["owner_id"]))

    return bound


class Readers:
    """Seats for those who read; each has an event that is set when its owner's journal has grown."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seats: defaultdict[OwnerId, set[asyncio.Event]] = defaultdict(set)

    def sit(self, owner: OwnerId) -> asyncio.Event:
        """Raises a 429 when all of an owner's seats are taken."""
        seats = self._seats[owner]
        if len(seats) >= self._most:
            retry_after = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise ApiError(429, "Too many open streams", headers=retry_after)
        woken = asyncio.Event()
        seats.add(woken)
        _OPEN.inc()
        return woken

    def leave(self, owner: OwnerId, woken: asyncio.Event) -> None:
        self._seats[owner].discard(woken)
        _OPEN.dec()
        if not self._seats[owner]:
            del self._seats[owner]

    def wake(self, owner: OwnerId) -> None:
        for woken in self._seats.get(owner, ()):
            woken.set()
