"""The keys that the callee presses."""

import asyncio
from collections.abc import Callable

END = "#"
PAUSE_SECONDS = 2.0


class Keys:
    """Collects single keys into entries; `#` or a pause ends one."""

    def __init__(self, entered: Callable[[str], None]) -> None:
        self._entered = entered
        self._keys: list[str] = []
        self._pause: asyncio.TimerHandle | None = None

    def press(self, key: str) -> None:
        self._keys.append(key)
        if self._pause is not None:
            self._pause.cancel()
        if key == END:
            self._enter()
        else:
            self._pause = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._enter)

    def _enter(self) -> None:
        keys, self._keys = self._keys, []
        self._entered(" ".join(keys))
