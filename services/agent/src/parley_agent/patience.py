"""How long a callee is left waiting for words that the models owe."""

import asyncio
from collections.abc import Awaitable, Callable

HOLD_SECONDS = 3.0
"""Longer than the slowest answer of models that work; with the half second that ends a turn, and the time in which a
voice must sound, nobody hears nothing for longer than five seconds."""

HOLDS = 3


class Patience:
    """Holds the line when words were expected and none came, and calls `lost` when none come at all.

    Some failures are not told: the model just says nothing.
    """

    def __init__(self, hold: Callable[[], Awaitable[None]], lost: Callable[[], None]) -> None:
        self._hold = hold
        self._lost = lost
        self._waiting: asyncio.Task[None] | None = None
        self._holds = 0

    def expect(self) -> None:
        """Somebody waits for words from now on; who waits already goes on waiting."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._wait())

    def satisfy(self) -> None:
        """The words come."""
        self._holds = 0
        self.rest()

    def rest(self) -> None:
        """Nobody waits for now, because the callee speaks, say; what they have waited for is not forgotten."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    async def _wait(self) -> None:
        while self._holds < HOLDS:
            await asyncio.sleep(HOLD_SECONDS)
            self._holds += 1
            await self._hold()
        self._lost()
