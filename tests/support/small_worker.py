"""A worker with one handler and no business: what every worker gets from its defaults shows on it."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog
from faststream.rabbit import RabbitRouter
from pydantic_settings import BaseSettings
from starlette.types import ASGIApp

from parley_common import broker
from parley_common.broker import EVENTS, parallel, queue
from parley_common.events import CallRequested
from parley_common.settings import RabbitSettings
from parley_common.worker import Check, consuming, consuming_from, publishing_to, run, worker_app

log = structlog.get_logger()


class SmallWorkerSettings(BaseSettings):
    """How long its handler takes, and when its background work breaks."""

    work_seconds: float = 0.0
    breaks_after_seconds: float | None = None


def make_app() -> ASGIApp:
    settings = SmallWorkerSettings()
    rabbit = RabbitSettings()
    checks: dict[str, Check] = {}
    router = RabbitRouter()

    @router.subscriber(queue("dialer", CallRequested), EVENTS, channel=parallel(1))
    async def on_call_requested(event: CallRequested) -> None:
        log.info("work begun", told="call +15550000200 over amqp://user:secret@host/", text="hello John")
        await asyncio.sleep(settings.work_seconds)
        log.info("work done")

    async def background() -> None:
        if settings.breaks_after_seconds is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(settings.breaks_after_seconds)
        raise RuntimeError("background work is over")

    async def assemble(stack: AsyncExitStack) -> Sequence[Coroutine[Any, Any, None]]:
        publishes = broker.publisher(rabbit, "small")
        await stack.enter_async_context(publishing_to(publishes))
        consumes = broker.consumer(rabbit, "small", publishes, {})
        consumes.include_router(router)
        await stack.enter_async_context(consuming_from(consumes))
        checks.update(broker=consuming(consumes))
        return [background()]

    return worker_app(assemble, checks)


if __name__ == "__main__":
    run("small", make_app)
