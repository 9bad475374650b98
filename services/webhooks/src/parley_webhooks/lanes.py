"""Places for POSTs: who holds them, and who gets the next one.

Whoever holds fewest comes first, so a backlog waits for itself alone. No owner takes more than a share of what the
others have left free, so there is something left for the next one, however many are slow.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Collection, Sequence
from copy import deepcopy
from typing import Self

from parley_common.db.deliveries import Delivery
from parley_common.ids import EndpointId, OwnerId

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
        self, *, suspect: bool, parallel: int, per_endpoint: int, writers: int, linger: float, woken: asyncio.Event
    ) -> None:
        self.suspect = suspect
        self.writing = asyncio.Semaphore(writers)
        self.woken = woken
        self.left_something = False
        """The last look ended for want of places, not of deliveries."""

        self._places = Places(parallel, per_endpoint)
        self._linger = linger

    @property
    def free(self) -> int:
        return self._places.free

    def crowded(self) -> list[EndpointId]:
        return self._places.crowded()

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
            self.woken.set()
        else:
            asyncio.get_running_loop().call_later(self._linger, self.woken.set)
