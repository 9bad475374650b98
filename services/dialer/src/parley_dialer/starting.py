"""Starts what was admitted: one admission at a time in this process, again as long as there was something to admit."""

import asyncio

import structlog

from parley_common.calls import Call
from parley_common.errors import ParleyError
from parley_dialer.admitting import Admission
from parley_dialer.dialing import Dialer
from parley_dialer.errands import Errands

log = structlog.get_logger()


class Starter:
    """Looks for calls that may start, when told to and on the dialer's own clock."""

    def __init__(self, admission: Admission, dialer: Dialer, look_every_seconds: float) -> None:
        self._admission = admission
        self._dialer = dialer
        self._look_every_seconds = look_every_seconds
        self._wanted = asyncio.Event()
        self._errands = Errands()

    def look(self) -> None:
        """Look at once: a call has come, or a place has become free."""
        self._wanted.set()

    def _begin(self, call: Call) -> None:
        self._errands.send(call.call_id, self._dialer.start(call))

    async def start_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._look_every_seconds):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                while await self._admission.admit(self._begin):
                    pass
            except ParleyError as error:
                log.warning("admission interrupted", error=type(error).__name__)
