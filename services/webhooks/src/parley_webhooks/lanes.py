"""Places for POSTs: who holds them, and who gets the next one.

Whoever holds fewest comes first, so a backlog waits for itself alone. No owner takes more than a share of what the
others have left free, so there is something left for the next one, however many are slow.
"""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from copy import deepcopy
from time import monotonic
from typing import Self

from parley_common.db.deliveries import Delivery
from parley_common.ids import EndpointId, OwnerId

POLL_SECONDS = 1.0
OWNERS_SHARE = 0.5
"""So many places, of those that are free, may one owner's endpoints hold together: a third of a lane that is empty."""


class Places:
    """So many in all, to one endpoint, and to all endpoints of one owner."""

    def __init__(self, parallel: int, per_endpoint: int) -> None:
        self._parallel = parallel
        self._per_endpoint = per_endpoint
        self._of_endpoints: Counter[EndpointId] = Counter()
        self._of_owners: Counter[OwnerId] = Counter()

    def copy(self) -> Self:
        return deepcopy(self)

    @property
    def free(self) -> int:
        return self._parallel - self._of_owners.total()

    def crowded(self) -> list[EndpointId]:
        """Return endpoints that hold all the places that they may."""
        self._of_endpoints, self._of_owners = +self._of_endpoints, +self._of_owners
        return [endpoint_id for endpoint_id, held in self._of_endpoints.items() if held >= self._per_endpoint]

    def next_in_turn(self, waiting: Collection[OwnerId]) -> list[OwnerId]:
        """Return those of the owners who hold fewest places, unless they hold all that they may."""
        allowed = [owner for owner in waiting if self._may_have_more(owner)]
        fewest = min((self._of_owners[owner] for owner in allowed), default=0)
        return [owner for owner in allowed if self._of_owners[owner] == fewest]

    def has_one_for(self, delivery: Delivery) -> bool:
        endpoint_has = self._of_endpoints[delivery.endpoint_id] < self._per_endpoint
        return endpoint_has and self._may_have_more(delivery.owner_id)

    def take(self, delivery: Delivery) -> None:
        self._of_endpoints[delivery.endpoint_id] += 1
        self._of_owners[delivery.owner_id] += 1

    def give_back(self, delivery: Delivery) -> None:
        self._of_endpoints[delivery.endpoint_id] -= 1
        self._of_owners[delivery.owner_id] -= 1

    def half_free(self, endpoint_id: EndpointId) -> bool:
        """Whether half of an endpoint's places are free; of a single one it is never said."""
        return self._per_endpoint > 1 and 2 * self._of_endpoints[endpoint_id] <= self._per_endpoint

    def _may_have_more(self, owner: OwnerId) -> bool:
        return self._of_owners[owner] < OWNERS_SHARE * self.free


class Lane:
    """Places of its own, and when to look for deliveries that are to have them."""

    def __init__(  # noqa: PLR0913  # how wide it is, and how quick
        self,
        *,
        suspect: bool,
        parallel: int,
        per_endpoint: int,
        writers: int,
        batch: int,
        linger: float,
        news: asyncio.Event,
    ) -> None:
        self.suspect = suspect
        self.writing = asyncio.Semaphore(writers)
        self.batch = batch
        self.news = news
        self.freed = asyncio.Event()
        self.left_something = False
        """The last look ended for want of places, not of deliveries."""

        self._owed: frozenset[OwnerId] = frozenset()
        self._asked_at = -math.inf
        self._places = Places(parallel, per_endpoint)
        self._linger = linger

    @property
    def free(self) -> int:
        return self._places.free

    def crowded(self) -> list[EndpointId]:
        return self._places.crowded()

    def is_outdated(self) -> bool:
        """Whether it is not known any more to whom something is due."""
        return self.news.is_set() or monotonic() - self._asked_at >= POLL_SECONDS

    async def owed(self, ask: Callable[[], Awaitable[Iterable[OwnerId]]]) -> set[OwnerId]:
        """Return to whom something is due; a place that got free is no reason to ask for that anew."""
        if self.is_outdated():
            self.news.clear()
            self._owed = frozenset(await ask())
            self._asked_at = monotonic()
        return set(self._owed)

    async def rung(self) -> None:
        """Wait for news, for a free place that something waits for, or until it is time to look anyhow."""
        waits = [asyncio.create_task(event.wait()) for event in (self.news, self.freed)]
        try:
            rung, _ = await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not rung:  # a timer may be a millisecond early
            self._asked_at = -math.inf
        self.freed.clear()

    def next_in_turn(self, waiting: Collection[OwnerId], most: int) -> list[OwnerId]:
        """Return so many owners at most who hold fewest places; chance decides, or one name would always be first."""
        equals = self._places.next_in_turn(waiting)
        return random.sample(equals, min(most, len(equals)))

    def fitting(self, due: Sequence[Delivery]) -> list[Delivery]:
        """Choose as many as there are places for, in all, of each endpoint and of each owner."""
        after, chosen = self._places.copy(), []
        for delivery in due:
            if after.has_one_for(delivery):
                after.take(delivery)
                chosen.append(delivery)
        return chosen

    def take(self, delivery: Delivery) -> None:
        self._places.take(delivery)

    def give_back(self, delivery: Delivery) -> None:
        """Free a place; look at once when half of an endpoint's places are free, else in a moment."""
        self._places.give_back(delivery)
        if not self.left_something:
            return
        if self._places.half_free(delivery.endpoint_id):
            self.freed.set()
        else:
            asyncio.get_running_loop().call_later(self._linger, self.freed.set)
