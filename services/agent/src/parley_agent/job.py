"""One job: one process that holds one call. Connections are made here, inside the job's own event loop."""

import asyncio
import json
from contextlib import AsyncExitStack

import structlog
from livekit.agents import JobContext, JobProcess
from structlog.contextvars import bind_contextvars

from parley_agent.conversation import Conversation
from parley_agent.orphans import end_after_worker
from parley_agent.providers import ProviderNotConfigured, make_models
from parley_agent.reporting import Reporter
from parley_agent.settings import AgentSettings
from parley_common import broker, logs, telemetry
from parley_common.db import Calls, connect
from parley_common.db.transcripts import Transcripts
from parley_common.ids import CallId
from parley_common.lifecycle import TERMINAL
from parley_common.relay import Relay
from parley_common.worker import publishing_to

log = structlog.get_logger()

ORPHANED_SECONDS = 30.0
"""So long may an agent whose worker was killed write down what it knows."""


def prepare(worker_id: str, process: JobProcess) -> None:
    """Set up a process before it gets its call: plain objects only, there is no event loop yet."""
    end_after_worker(ORPHANED_SECONDS)
    settings = AgentSettings()
    logs.configure("agent", settings.telemetry.log_level)
    telemetry.configure("agent", settings.telemetry)
    process.userdata["settings"] = settings
    process.userdata["worker_id"] = worker_id


async def hold_call(ctx: JobContext) -> None:
    """Hold the call that the dispatch names."""
    settings: AgentSettings = ctx.proc.userdata["settings"]
    dispatch = json.loads(ctx.job.metadata)
    call_id = CallId(dispatch["call_id"])
    bind_contextvars(call_id=call_id)
    try:
        with telemetry.span("conversation", call_id, dispatch.get("trace", {})):
            async with AsyncExitStack() as stack:
                database = await stack.enter_async_context(connect(settings.mongo))
                publishes = broker.publisher(settings.rabbit, "agent")
                await stack.enter_async_context(publishing_to(publishes))
                calls = Calls(database)
                call = await calls.get(call_id)
                if not call.awaits_agent:
                    log.info("agent comes too late", status=call.status)
                    if call.status in TERMINAL:
                        await ctx.delete_room(ctx.job.room.name)
                    return
                transcripts = Transcripts(database)
                earlier = await transcripts.of_call(call_id) if call.answered_at else []
                reporter = Reporter(call, calls, transcripts, Relay(calls, publishes), publishes, settings.times)
                stack.push_async_callback(reporter.settle)
                worker_id = ctx.proc.userdata["worker_id"]
                try:
                    models = make_models(call.assistant, settings.providers)
                except ProviderNotConfigured as error:
                    log.error("agent has no voice", error=str(error))  # noqa: TRY400  # the text says it all
                    await reporter.unable(ctx.local_participant_identity, worker_id, earlier)
                    return
                await Conversation(ctx, call, models, reporter, earlier).hold(worker_id)
    except asyncio.CancelledError:
        log.warning("job canceled")
        raise
    except Exception:
        log.exception("job failed")
        raise
    finally:
        await telemetry.flush()
        ctx.shutdown(reason="call over")
