"""How long a callee is left waiting for words that the models owe."""

import asyncio
from collections.abc import Callable

SECONDS = 15.0
"""Several times the slowest answer of a model that works; nobody stays on a mute line for longer."""


class Patience:
    """Calls `lost` when words were expected and none came. Some failures are not told: the model just says nothing."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._timer: asyncio.TimerHandle | None = None

    def expect(self) -> None:
        """Somebody waits for words from now on; who waits already goes on waiting."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECONDS, self._lost)

    def rest(self) -> None:
        """Nobody waits any more: the words come, or the callee speaks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
