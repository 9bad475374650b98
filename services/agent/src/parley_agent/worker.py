"""The registration of this process with LiveKit: it gives each call a process of its own."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog
from livekit.agents import AgentServer

from parley_agent.job import hold_call, prepare
from parley_agent.settings import AgentSettings

log = structlog.get_logger()

FULL_LOAD = 0.99
SESSION_END_TIMEOUT_SECONDS = 300.0


class Worker:
    """Takes calls from LiveKit, as many at once as the settings allow."""

    def __init__(self, settings: AgentSettings) -> None:
        self.worker_id = f"worker_{secrets.token_hex(6)}"
        self._max_calls = settings.max_calls
        self._drain_timeout = settings.drain_timeout_seconds
        self._registered = False
        self._server = AgentServer(
            ws_url=settings.livekit.livekit_url,
            api_key=settings.livekit.livekit_api_key,
            api_secret=settings.livekit.livekit_api_secret.get_secret_value(),
            setup_fnc=partial(prepare, self.worker_id),
            preload_modules=[hold_call.__module__, "parley_agent.preloading", "anyio._backends._asyncio"],
            load_fnc=lambda server: min(1.0, len(server.active_jobs) / settings.max_calls),
            load_threshold=FULL_LOAD,
            num_idle_processes=settings.idle_processes,
            drain_timeout=settings.drain_timeout_seconds,
            session_end_timeout=SESSION_END_TIMEOUT_SECONDS,
            max_retry=sys.maxsize,  # after the default's two minutes it would never register again
            host="127.0.0.1",
            port=0,
        )
        self._server.rtc_session(hold_call, agent_name=settings.livekit.livekit_agent_name)
        self._server.on("worker_registered", self._on_registered)

    def _on_registered(self, *_: object) -> None:
        self._registered = True

    async def registered(self) -> bool:
        return self._registered

    @property
    def slots(self) -> int:
        """Return how many conversations this worker holds at most; while it drains, as many as it has."""
        return len(self.agents()) if self._server.draining or not self._registered else self._max_calls

    def agents(self) -> set[str]:
        """Return the identities of the agents that live in this worker."""
        running = self._server.active_jobs if self._registered else []
        return {job.accept_arguments.identity for job in running}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Take calls; at the end take no new ones and let the running ones finish."""
        task = asyncio.create_task(self._server.run())
        try:
            yield
        finally:
            try:
                await self._server.drain(self._drain_timeout)
            except TimeoutError:
                log.warning("calls still running after the drain timeout")
            await self._server.aclose()
            await asyncio.gather(task, return_exceptions=True)
