"""Work on single calls that nobody waits for: a ringing phone does not hold up what other calls need."""

import asyncio
from collections.abc import Coroutine

import structlog

from parley_common.errors import ParleyError
from parley_common.ids import CallId

log = structlog.get_logger()


class Errands:
    """Runs errands side by side; what breaks is left to the call's deadline."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[None], CallId] = {}

    def under_way(self) -> set[CallId]:
        return set(self._running.values())

    def send(self, call_id: CallId, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._run(call_id, work))
        self._running[task] = call_id
        task.add_done_callback(self._running.pop)

    async def _run(self, call_id: CallId, work: Coroutine[None, None, None]) -> None:
        """The edge of one errand: nobody awaits the task, so what it raises would be told to nobody."""
        try:
            await work
        except ParleyError as error:
            log.warning("call left for later", call_id=call_id, error=type(error).__name__)
        except Exception as error:  # a defect of ours, with its traceback
            log.exception("errand broke", call_id=call_id, error=type(error).__name__)
