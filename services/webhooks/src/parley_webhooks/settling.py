"""Writing down what came of deliveries: one statement at a time, for all that have come back meanwhile."""

import asyncio

from parley_common.db.deliveries import Deliveries, Settlement


class Ledger:
    """Settles a delivery alone when there is none beside it, and together with those that had to wait."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._waiting: list[Settlement] = []
        self._next: asyncio.Task[list[Settlement]] | None = None
        self._writing = asyncio.Lock()

    async def settle(self, settlement: Settlement) -> bool:
        """Return when it is written down; False when the lease has gone to somebody else."""
        self._waiting.append(settlement)
        if self._next is None:
            self._next = asyncio.create_task(self._write())
        return settlement in await asyncio.shield(self._next)

    async def _write(self) -> list[Settlement]:
        async with self._writing:
            settlements, self._waiting, self._next = self._waiting, [], None
            return await self._deliveries.settle(settlements)
