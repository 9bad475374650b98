"""When conclusions are drawn from a conversation, and what becomes of them.

Asking is an event of its own, in the call's outbox: RabbitMQ holds it until it was seen to, gives it to another replica
when one dies over it, and brings it again later while the model's provider is away.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from parley_common.analyses import Analysis, AnalysisFailure
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.errors import ProviderRefused, ProviderUnavailable
from parley_common.events import AnalysisFailed, AnalysisReady, AnalysisRequested
from parley_common.ids import CallId
from parley_common.lifecycle import TERMINAL
from parley_common.relay import Relay
from parley_recorder.analyst import Analyst, Conclusion

log = structlog.get_logger()

LAST_WORDS = timedelta(seconds=10)
"""How long after the end was told of a call that lost an agent words of it may still be stored."""

GIVE_UP_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Analyzer:
    """Has each conversation analyzed that is to be, and decides it once."""

    calls: Calls
    relay: Relay
    analyst: Analyst

    async def request(self, call_id: CallId) -> None:
        """A call is over: if its assistant wants conclusions, and somebody answered, ask for them."""
        requested = await self.calls.note(
            call_id,
            AnalysisRequested,
            when=lambda call: call.status in TERMINAL and call.analysis is None and _is_open(call),
            derived=lambda _: {"analysis": Analysis(requested_at=now())},
        )
        if requested is not None:
            await self.relay.flush(call_id)

    async def analyze(self, event: AnalysisRequested) -> None:
        """Draw the conclusions. Raises ProviderUnavailable while it is worth trying again."""
        call = await self._with_last_words(event)
        if not _is_open(call):
            return
        if not call.transcript:
            await self._fail(call, AnalysisFailure.NOTHING_SAID)
            return
        try:
            conclusion = await self.analyst.conclude(call)
        except ProviderRefused as error:
            await self._fail(call, AnalysisFailure.REFUSED, str(error))
        except ProviderUnavailable as error:
            if now() - event.occurred_at < GIVE_UP_AFTER:
                log.warning("analysis left for later", call_id=call.call_id, cause=str(error))
                raise
            await self._fail(call, AnalysisFailure.PROVIDER_UNAVAILABLE, str(error))
        else:
            await self._succeed(call, conclusion)

    async def _with_last_words(self, event: AnalysisRequested) -> Call:
        call = await self.calls.get(event.call_id)
        if call.lost_an_agent or not call.transcript:
            await asyncio.sleep((event.occurred_at + LAST_WORDS - now()).total_seconds())
            call = await self.calls.get(event.call_id)
        return call

    async def _succeed(self, call: Call, conclusion: Conclusion) -> None:
        noted = await self.calls.note(
            call.call_id,
            AnalysisReady,
            when=_is_open,
            derived=lambda call: {
                "analysis": _asked(call).model_copy(update={"findings": conclusion.findings}),
                "usage": [*call.usage, conclusion.usage],
            },
        )
        if noted is not None:
            log.info("analysis ready", call_id=call.call_id)
            await self.relay.flush(call.call_id)

    async def _fail(self, call: Call, failure: AnalysisFailure, cause: str | None = None) -> None:
        noted = await self.calls.note(
            call.call_id,
            AnalysisFailed,
            details={"error": failure},
            when=_is_open,
            derived=lambda call: {"analysis": _asked(call).model_copy(update={"error": failure})},
        )
        if noted is not None:
            log.warning("analysis failed", call_id=call.call_id, error=failure, cause=cause)
            await self.relay.flush(call.call_id)


def _is_open(call: Call) -> bool:
    return call.awaits_analysis and call.deletion is None


def _asked(call: Call) -> Analysis:
    return call.analysis or Analysis(requested_at=now())
