"""Wires the recorder."""

from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

from starlette.types import ASGIApp

from parley_common import broker
from parley_common.db import Calls, connect
from parley_common.db.deliveries import Deliveries
from parley_common.db.journal import Journal
from parley_common.db.mongo import ping
from parley_common.db.retention import Retention
from parley_common.db.transcripts import Transcripts
from parley_common.relay import Relay
from parley_common.worker import Check, consuming, consuming_from, publishing_to, worker_app
from parley_recorder import livekit_egress, openai_analyst, s3_storage
from parley_recorder.analyzing import Analyzer
from parley_recorder.erasing import Eraser
from parley_recorder.handlers import router
from parley_recorder.recording import Recorder
from parley_recorder.settings import RecorderSettings
from parley_recorder.transcribing import Transcriber


def make_app() -> ASGIApp:
    settings = RecorderSettings()
    storage = s3_storage.connect(settings.s3)
    checks: dict[str, Check] = {}

    async def assemble(stack: AsyncExitStack) -> Sequence[Coroutine[Any, Any, None]]:
        database = await stack.enter_async_context(connect(settings.mongo))
        upload = settings.s3 if settings.send_s3_credentials else None
        egress = await stack.enter_async_context(livekit_egress.connect(settings.livekit, upload))
        analyst = await stack.enter_async_context(openai_analyst.connect(settings.openai))
        publishes = broker.publisher(settings.rabbit, "recorder")
        await stack.enter_async_context(publishing_to(publishes))
        calls = Calls(database)
        transcripts = Transcripts(database)
        relay = Relay(calls, publishes)
        recorder = Recorder(calls, relay, egress, storage, settings)
        eraser = Eraser(
            calls,
            Retention(database),
            transcripts,
            Deliveries(database),
            Journal(database),
            relay,
            egress,
            storage,
            settings,
        )
        context = {
            "recorder": recorder,
            "transcriber": Transcriber(calls, transcripts),
            "analyzer": Analyzer(calls, relay, analyst),
        }
        consumes = broker.consumer(settings.rabbit, "recorder", publishes, context)
        consumes.include_router(router)
        await stack.enter_async_context(consuming_from(consumes))
        checks.update(
            database=lambda: ping(database),
            broker=consuming(consumes),
            livekit=egress.reachable,
            storage=storage.reachable,
        )
        return [relay.sweep_forever(), eraser.sweep_forever()]

    return worker_app(assemble, checks)
