"""Which agent workers live, as seen from here.

A worker is lost when its heartbeat has stood still for LOST_AFTER while we were able to look. A pause in our own
looking proves nothing, so after one we start to watch anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from parley_common.clock import now
from parley_common.db.workers import AgentWorkers

LOST_AFTER = timedelta(seconds=4)
STALE_AFTER = timedelta(seconds=10)
"""So old a heartbeat lends no slots, whoever looks first."""


@dataclass
class _Sight:
    seen_at: datetime
    since: float


class Presence:
    """Remembers when each worker's heartbeat was last seen to move."""

    def __init__(self, workers: AgentWorkers) -> None:
        self._workers = workers
        self._sights: dict[str, _Sight] = {}
        self._looked = monotonic()

    async def slots(self) -> int:
        """Return how many conversations the living workers hold at most, together."""
        fresh = now() - STALE_AFTER
        return sum(worker.slots for worker in await self._workers.all() if worker.seen_at > fresh)

    async def knows(self, worker_id: str) -> bool:
        """Say whether a worker was neither found lost nor has left."""
        return any(worker.worker_id == worker_id for worker in await self._workers.all())

    async def lost(self) -> set[str]:
        """Look once, and return the workers that have died and were not forgotten."""
        workers = await self._workers.all()
        moment = monotonic()
        if moment - self._looked > LOST_AFTER.total_seconds() / 2:
            self._sights.clear()
        self._looked = moment
        before, self._sights = self._sights, {}
        for worker in workers:
            sight = before.get(worker.worker_id)
            stood = sight is not None and sight.seen_at == worker.seen_at
            self._sights[worker.worker_id] = sight if sight and stood else _Sight(worker.seen_at, moment)
        return {worker_id for worker_id, sight in self._sights.items() if self._stands_still(sight, moment)}

    async def forget(self, worker_id: str) -> None:
        """Its calls have been seen to."""
        await self._workers.withdraw(worker_id)

    def _stands_still(self, sight: _Sight, moment: float) -> bool:
        return moment - sight.since > LOST_AFTER.total_seconds()
