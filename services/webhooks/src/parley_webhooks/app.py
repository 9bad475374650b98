"""Wires the webhooks service."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from starlette.types import ASGIApp

from parley_common import broker
from parley_common.crypto import SecretBox
from parley_common.db import Calls, connect
from parley_common.db.accounts import Accounts
from parley_common.db.assistants import Assistants
from parley_common.db.deliveries import Deliveries
from parley_common.db.endpoint_health import EndpointHealths
from parley_common.db.endpoints import Endpoints
from parley_common.db.journal import Journal
from parley_common.db.mongo import ping
from parley_common.db.retention import Retention
from parley_common.db.signing_secrets import SigningSecrets
from parley_common.mail import Mailer
from parley_common.s3 import RecordingLinks
from parley_common.worker import Check, consuming, consuming_from, publishing_to, worker_app
from parley_webhooks import http_sender
from parley_webhooks.delivering import Courier
from parley_webhooks.dispatching import Dispatcher
from parley_webhooks.fanout import Fanout
from parley_webhooks.handlers import router
from parley_webhooks.journaling import Scribe
from parley_webhooks.notices import MailedNotices
from parley_webhooks.owing import Owing
from parley_webhooks.rabbit_bridge import RabbitBridge
from parley_webhooks.recipients import Recipients
from parley_webhooks.reporting import Reporter
from parley_webhooks.settings import WebhooksSettings
from parley_webhooks.signing import Signer
from parley_webhooks.telling import Teller
from parley_webhooks.watching import Watch


def make_app() -> ASGIApp:
    settings = WebhooksSettings()
    secret_box = SecretBox(settings.secret.parley_secret_key)
    checks: dict[str, Check] = {}

    async def assemble(stack: AsyncExitStack) -> Sequence[Coroutine[Any, Any, None]]:
        database = await stack.enter_async_context(connect(settings.mongo))
        sender = await stack.enter_async_context(
            http_sender.connect(settings.targets.webhook_allowed_networks, 2 * settings.parallel_deliveries)
        )
        publishes = broker.publisher(settings.rabbit, "webhooks")
        await stack.enter_async_context(publishing_to(publishes))
        mailer = Mailer(settings.smtp)
        stack.push_async_callback(mailer.drain)
        calls, deliveries, healths = Calls(database), Deliveries(database), EndpointHealths(database)
        news = asyncio.Event()
        retention = Retention(database)
        recipients = Recipients(Endpoints(database), Assistants(database))
        owing = Owing(recipients, healths, deliveries, retention, news.set)
        notices = MailedNotices(Accounts(database), healths, mailer, settings.public.backend_url)
        reporter = Reporter(RecordingLinks(settings.s3))
        scribe = Scribe(calls, Journal(database), retention, reporter, partial(broker.publish_growth, publishes))
        watch = Watch(healths, deliveries, Teller(healths, owing, scribe, notices), notices)
        courier = Courier(deliveries, calls, Signer(SigningSecrets(database, secret_box)), reporter, sender, watch)
        dispatcher = Dispatcher(
            deliveries,
            watch,
            courier,
            news,
            parallel=settings.parallel_deliveries,
            parallel_per_endpoint=settings.parallel_per_endpoint,
        )
        fanout = Fanout(calls, deliveries, owing, RabbitBridge(publishes), reporter, settings.report_wait)
        consumes = broker.consumer(settings.rabbit, "webhooks", publishes, {"fanout": fanout, "scribe": scribe})
        consumes.include_router(router)
        await stack.enter_async_context(consuming_from(consumes))
        checks.update(database=lambda: ping(database), broker=consuming(consumes))
        return [dispatcher.dispatch_forever()]

    return worker_app(assemble, checks)
