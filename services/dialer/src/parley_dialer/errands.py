"""Work on single calls that nobody waits for: a ringing phone does not hold up what other calls need."""

import asyncio
from collections.abc import Coroutine

import structlog

from parley_common.errors import ParleyError
from parley_common.ids import CallId

log = structlog.get_logger()


class Errands:
    """Runs one errand at a time for each call; what breaks is left to the call's deadline."""

    def __init__(self) -> None:
        self._running: dict[CallId, asyncio.Task[None]] = {}

    def under_way(self, call_id: CallId) -> bool:
        return call_id in self._running

    def send(self, call_id: CallId, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._run(call_id, work))
        self._running[call_id] = task
        task.add_done_callback(lambda _: self._running.pop(call_id, None))

    async def finish(self) -> None:
        """Wait until all have come back."""
        await asyncio.gather(*self._running.values())

    async def _run(self, call_id: CallId, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ParleyError as error:
            log.warning("call left for later", call_id=call_id, error=type(error).__name__)
        except Exception as error:
            log.exception("errand broke", call_id=call_id, error=type(error).__name__)
