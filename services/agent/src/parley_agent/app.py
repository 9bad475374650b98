"""Wires the agent worker."""

from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

from starlette.types import ASGIApp

from parley_agent.announcing import Announcer
from parley_agent.settings import AgentSettings
from parley_agent.worker import Worker
from parley_common import broker
from parley_common.db import Calls, connect
from parley_common.db.mongo import ping
from parley_common.db.workers import AgentWorkers
from parley_common.relay import Relay
from parley_common.worker import Check, publishing_to, running, worker_app


def make_app() -> ASGIApp:
    settings = AgentSettings()
    worker = Worker(settings)
    checks: dict[str, Check] = {"livekit": worker.registered}

    async def assemble(stack: AsyncExitStack) -> Sequence[Coroutine[Any, Any, None]]:
        database = await stack.enter_async_context(connect(settings.mongo))
        publishes = broker.publisher(settings.rabbit, "agent")
        await stack.enter_async_context(publishing_to(publishes))
        calls = Calls(database)
        announcer = Announcer(worker, AgentWorkers(database), calls, Relay(calls, publishes), settings.times)
        stack.push_async_callback(announcer.withdraw)
        await stack.enter_async_context(running([announcer.announce_forever()]))
        await stack.enter_async_context(worker.serving())
        checks.update(database=lambda: ping(database), broker=lambda: publishes.ping(1.0))
        return []

    return worker_app(assemble, checks)
