"""What the agent tells the rest of Parley: facts of its call, written through the one door, and live transcript."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import Any

import stamina
import structlog
from faststream.rabbit import RabbitBroker

from parley_common.broker import publish_event
from parley_common.calls import AnsweredBy, Call, Utterance, answering, ending
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.errors import Transient
from parley_common.events import AgentReady, AgentReplaced, CallAnswered, CallEnded, CallRinging, TranscriptChunk
from parley_common.ids import EventId
from parley_common.lifecycle import OUTCOMES, TERMINAL, CallStatus, EndReason
from parley_common.outbox import Relay
from parley_common.settings import CallTimes

log = structlog.get_logger()

TERMINAL_WRITE_PATIENCE_SECONDS = 240.0
RENEWALS_PER_LEASE = 3


class Reporter:
    """Speaks for the agent of one call. Nothing here ever delays the conversation."""

    def __init__(self, call: Call, calls: Calls, relay: Relay, broker: RabbitBroker, times: CallTimes) -> None:
        self._call = call
        self._calls = calls
        self._relay = relay
        self._broker = broker
        self._times = times
        self._chunks = 0
        self._identity: str | None = None
        self._writing: set[asyncio.Task[None]] = set()

    async def ready(self, identity: str, worker_id: str) -> bool:
        """Take the vacant place of the call's agent; False when another agent holds it or the call is over.

        Before the dial this says that the phone may ring; later, that the conversation goes on.
        """
        self._identity = identity
        first = self._call.status is CallStatus.STARTING
        vacant = {CallStatus.STARTING} if first else {CallStatus.DIALING, CallStatus.IN_PROGRESS}
        lease_end = now() + self._times.agent_lease
        written = await self._calls.note(
            self._call.call_id,
            AgentReady if first else AgentReplaced,
            when=lambda call: call.status in vacant and call.agent_identity is None,
            derived=lambda call: {
                "agent_ready_at": call.agent_ready_at or now(),
                "deadline_at": lease_end if call.status is CallStatus.IN_PROGRESS else call.deadline_at,
            },
            agent_identity=identity,
            worker_id=worker_id,
            vacant_at=None,
        )
        if written is not None:
            self._soon(self._tell_ready())  # the broker may still be connecting
        return written is not None

    def ringing(self) -> None:
        self._soon(self._write_ringing(now()))

    def answered(self, at: datetime, end: Callable[[EndReason], None]) -> None:
        """Tell that the callee picked up; `end` is called when the call had ended before, or was told to end."""
        self._soon(self._write_answered(at, end))

    def said(self, utterance: Utterance) -> None:
        """Tell live listeners; the whole transcript is committed with the end of the call."""
        self._chunks += 1
        event = TranscriptChunk(
            event_id=EventId(f"evt_{self._call.call_id}_{utterance.item_id}"),
            call_id=self._call.call_id,
            owner_id=self._call.owner_id,
            seq=self._chunks,
            occurred_at=now(),
            **utterance.model_dump(),
        )
        self._soon(self._publish_chunk(event))

    async def renew_forever(self) -> None:
        """Keep the call's deadline ahead of us; when this stops, the dialer looks for us."""
        while True:
            await asyncio.sleep(self._times.agent_lease.total_seconds() / RENEWALS_PER_LEASE)
            try:
                await self._calls.note(
                    self._call.call_id,
                    when=lambda call: call.status is CallStatus.IN_PROGRESS and self._is_ours(call),
                    deadline_at=now() + self._times.agent_lease,
                )
            except Transient as error:
                log.warning("deadline not renewed", error=type(error).__name__)

    async def ended(
        self,
        reason: EndReason,
        transcript: list[Utterance],
        usage: list[dict[str, Any]],
        latency: dict[str, object],
        *,
        answered_by: AnsweredBy | None = None,
    ) -> None:
        """Commit the end with the whole transcript in one write, trying for minutes while the database is away."""
        await self.settle()
        moment = now()
        async for attempt in stamina.retry_context(
            on=Transient, attempts=None, timeout=TERMINAL_WRITE_PATIENCE_SECONDS, wait_max=5.0
        ):
            with attempt:
                told = await self._told(reason)
                ended = await self._calls.advance(
                    self._call.call_id,
                    OUTCOMES[told][0],
                    CallEnded,
                    when=self._is_ours,
                    derived=partial(ending, reason=told, at=moment),
                    transcript=transcript,
                    usage=usage,
                    latency=latency,
                    answered_by=answered_by,
                )
        if ended is None:
            log.info("end not ours to write", reason=reason)
        else:
            log.info("call ended", status=ended.status, reason=told, turns=len(transcript))
            self._relay.flush_soon(self._call.call_id)

    async def is_over(self) -> bool:
        """Return whether the call has ended; it has not when another agent was put in our place."""
        return (await self._calls.get(self._call.call_id)).status in TERMINAL

    async def _told(self, reason: EndReason) -> EndReason:
        """A room that was closed because the customer said so is a hang-up, not a loss."""
        asked = reason is EndReason.ROOM_LOST and (await self._calls.get(self._call.call_id)).cancel_requested_at
        return EndReason.API_HANGUP if asked else reason

    def _is_ours(self, call: Call) -> bool:
        return call.agent_identity == self._identity

    async def settle(self) -> None:
        """Wait for what is still being written or published."""
        await asyncio.gather(*self._writing)
        await self._relay.drain()

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._persistently(work))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _persistently(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Transient as error:
            log.warning("fact not told", error=type(error).__name__)

    @stamina.retry(on=Transient, attempts=None, timeout=60.0, wait_max=5.0)
    async def _tell_ready(self) -> None:
        await self._relay.flush(self._call.call_id)

    @stamina.retry(on=Transient, attempts=None, timeout=60.0, wait_max=5.0)
    async def _write_ringing(self, at: datetime) -> None:
        written = await self._calls.note(
            self._call.call_id,
            CallRinging,
            when=lambda call: call.attempt is not None and call.attempt.ringing_at is None,
            derived=lambda call: {"attempts": call.attempt_with(ringing_at=at)},
        )
        if written is not None:
            await self._relay.flush(self._call.call_id)

    @stamina.retry(on=Transient, attempts=None, timeout=60.0, wait_max=5.0)
    async def _write_answered(self, at: datetime, end: Callable[[EndReason], None]) -> None:
        written = await self._calls.advance(
            self._call.call_id,
            CallStatus.IN_PROGRESS,
            CallAnswered,
            within={CallStatus.DIALING},
            derived=lambda call: {**answering(call, at), "deadline_at": at + self._times.agent_lease},
        )
        if written is not None:
            await self._relay.flush(self._call.call_id)
        call = written or await self._calls.get(self._call.call_id)
        if call.status is not CallStatus.IN_PROGRESS:
            end(EndReason.CANCELED)
        elif call.cancel_requested_at is not None:
            end(EndReason.API_HANGUP)

    @stamina.retry(on=Transient, attempts=5, timeout=30.0, wait_max=5.0)
    async def _publish_chunk(self, event: TranscriptChunk) -> None:
        await publish_event(self._broker, event.model_dump(mode="json"), trace=self._call.trace)
