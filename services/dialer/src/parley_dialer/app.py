"""Wires the dialer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog
from starlette.types import ASGIApp

from parley_common import broker
from parley_common.db import Calls, connect
from parley_common.db.mongo import ping
from parley_common.db.workers import AdmissionLock, AgentWorkers
from parley_common.errors import ParleyError
from parley_common.relay import Relay
from parley_common.worker import Check, consuming, consuming_from, publishing_to, worker_app
from parley_dialer import livekit_telephony
from parley_dialer.admitting import Admission
from parley_dialer.concluding import Conclusions
from parley_dialer.dialing import Dialer
from parley_dialer.handlers import router
from parley_dialer.presence import Presence
from parley_dialer.reconciling import FORGOTTEN_AFTER, ROOMS_EVERY, Reconciler
from parley_dialer.replacing import Replacement
from parley_dialer.services import assemble
from parley_dialer.settings import DialerSettings
from parley_dialer.starting import Starter

log = structlog.get_logger()


def make_app() -> ASGIApp:
    settings = DialerSettings()
    checks: dict[str, Check] = {}

    async def start(stack: AsyncExitStack) -> Sequence[Coroutine[Any, Any, None]]:
        database = await stack.enter_async_context(connect(settings.mongo))
        telephony = await stack.enter_async_context(livekit_telephony.connect(settings.livekit))
        publishes = broker.publisher(settings.rabbit, "dialer")
        await stack.enter_async_context(publishing_to(publishes))
        relay = Relay(Calls(database), publishes)
        services = assemble(settings, database, relay, telephony)
        presence = Presence(AgentWorkers(database))
        conclusions = Conclusions(services)
        dialer = Dialer(services, conclusions)
        replacement = Replacement(services, presence, conclusions)
        reconciler = Reconciler(services, presence, dialer, replacement, conclusions)
        interval = settings.sweep_interval.total_seconds()
        starter = Starter(Admission(services, presence, AdmissionLock(database)), dialer, interval)
        context = {
            "dialer": dialer,
            "lines": services.lines,
            "reconciler": reconciler,
            "replacement": replacement,
            "starter": starter,
        }
        consumes = broker.consumer(settings.rabbit, "dialer", publishes, context)
        consumes.include_router(router(settings))
        await stack.enter_async_context(consuming_from(consumes))
        checks.update(database=lambda: ping(database), broker=consuming(consumes), livekit=telephony.reachable)
        return [
            relay.sweep_forever(),
            starter.start_forever(),
            _repeat(reconciler.visit_overdue, interval),
            _repeat(replacement.visit_orphans, interval),
            _repeat(replacement.visit_vacancies, interval),
            _repeat(reconciler.wake_forgotten, FORGOTTEN_AFTER.total_seconds()),
            _repeat(reconciler.close_left_behind, ROOMS_EVERY.total_seconds()),
        ]

    return worker_app(start, checks)


async def _repeat(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """The dialer's own clock: whatever events were lost, it looks again."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except ParleyError as error:
            log.warning("sweep interrupted", error=type(error).__name__)
