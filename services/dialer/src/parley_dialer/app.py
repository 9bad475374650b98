"""Wires the dialer."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog
from starlette.types import ASGIApp

from parley_common import broker
from parley_common.db import Calls, connect
from parley_common.db.mongo import ping
from parley_common.db.transcripts import Transcripts
from parley_common.errors import Transient
from parley_common.outbox import Relay
from parley_common.worker import Check, consuming, consuming_from, publishing_to, worker_app
from parley_dialer import livekit_telephony
from parley_dialer.dialing import Dialer
from parley_dialer.handlers import router
from parley_dialer.reconciling import Reconciler
from parley_dialer.settings import DialerSettings

log = structlog.get_logger()


def make_app() -> ASGIApp:
    settings = DialerSettings()
    checks: dict[str, Check] = {}

    async def assemble(stack: AsyncExitStack) -> Sequence[Coroutine[Any, Any, None]]:
        database = await stack.enter_async_context(connect(settings.mongo))
        telephony = await stack.enter_async_context(livekit_telephony.connect(settings.livekit))
        publishes = broker.publisher(settings.rabbit, "dialer")
        await stack.enter_async_context(publishing_to(publishes))
        calls = Calls(database)
        relay = Relay(calls, publishes)
        dialer = Dialer(calls, relay, telephony, settings.times, settings.requeue_delay)
        reconciler = Reconciler(calls, Transcripts(database), telephony, dialer, settings.times)
        context = {"dialer": dialer, "reconciler": reconciler, "telephony": telephony}
        consumes = broker.consumer(settings.rabbit, "dialer", publishes, context)
        consumes.include_router(router(settings))
        await stack.enter_async_context(consuming_from(consumes))
        checks.update(database=lambda: ping(database), broker=consuming(consumes), livekit=telephony.reachable)
        return [relay.sweep_forever(), _watch(dialer, reconciler, settings)]

    return worker_app(assemble, checks)


async def _watch(dialer: Dialer, reconciler: Reconciler, settings: DialerSettings) -> None:
    """The dialer's own clock: start what is due and visit what is overdue, whatever events were lost."""
    while True:
        await asyncio.sleep(settings.sweep_interval.total_seconds())
        try:
            while await dialer.start_due():
                pass
            await reconciler.visit_overdue()
        except Transient as error:
            log.warning("sweep interrupted", error=type(error).__name__)
