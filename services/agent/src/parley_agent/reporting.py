"""What the agent tells the rest of Parley: facts of its call, written through the one door, and live transcript."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
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
from parley_common.db.transcripts import Transcripts
from parley_common.errors import Transient
from parley_common.events import AgentReady, AgentReplaced, CallAnswered, CallEnded, CallRinging, TranscriptChunk
from parley_common.ids import EventId
from parley_common.lifecycle import OUTCOMES, TERMINAL, CallStatus, EndReason
from parley_common.relay import Relay
from parley_common.settings import CallTimes

log = structlog.get_logger()

TERMINAL_WRITE_PATIENCE_SECONDS = 240.0
RENEWALS_PER_LEASE = 3
CHUNKS_SECONDS = 2.0
SETTLE_SECONDS = 10.0
"""An agent whose call is over keeps a place of its worker until it is gone."""


@dataclass(frozen=True)
class Ending:
    """How a conversation ended, as its agent knows it."""

    reason: EndReason
    at: datetime
    transcript: list[Utterance]
    usage: list[dict[str, Any]] = field(default_factory=list)
    latency: dict[str, object] = field(default_factory=dict)
    answered_by: AnsweredBy | None = None


class Reporter:
    """Speaks for the agent of one call. Nothing here ever delays the conversation."""

    def __init__(  # noqa: PLR0913, PLR0917  # what it speaks of, through, and how long
        self, call: Call, calls: Calls, transcripts: Transcripts, relay: Relay, broker: RabbitBroker, times: CallTimes
    ) -> None:
        self._call = call
        self._calls = calls
        self._transcripts = transcripts
        self._relay = relay
        self._broker = broker
        self._times = times
        self._chunks = 0
        self._identity: str | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self._telling: set[asyncio.Task[None]] = set()

    async def ready(self, identity: str, worker_id: str, *, able: bool = True) -> bool:
        """Take the vacant place of the call's agent; False when another agent holds it or the call is over.

        Before the dial this says that the phone may ring; later, that the conversation goes on. One who is not able to
        talk says nothing of the kind: it has the place only to end the call.
        """
        self._identity = identity
        first = self._call.status is CallStatus.STARTING
        vacant = {CallStatus.STARTING} if first else {CallStatus.DIALING, CallStatus.IN_PROGRESS}
        event = AgentReady if first else AgentReplaced
        lease_end = now() + self._times.agent_lease
        written = await self._calls.note(
            self._call,
            event if able else None,
            when=lambda call: (
                call.status in vacant
                and call.agent_identity is None
                and (not first or call.dispatches == self._call.dispatches)
            ),
            derived=lambda call: {
                "agent_ready_at": call.agent_ready_at or now(),
                "deadline_at": lease_end if call.status is CallStatus.IN_PROGRESS else call.deadline_at,
            },
            agent_identity=identity,
            worker_id=worker_id,
            vacant_at=None,
        )
        if written is not None:
            self._begin(self._tell_ready(), self._telling)  # the broker may still be connecting
        return written is not None

    async def unable(self, identity: str, worker_id: str, said: list[Utterance]) -> None:
        """End a call whose provider nobody has set up: sending another agent would change nothing."""
        if await self.ready(identity, worker_id, able=False):
            await self.ended(Ending(EndReason.PROVIDER_FAILED, now(), said))

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
        self._begin(self._publish_chunk(event), self._telling)

    async def renew_forever(self, end: Callable[[EndReason], None], displaced: Callable[[], None]) -> None:
        """Keep the call's deadline ahead of us; when this stops, the dialer looks for us, and may take us for lost.

        A hang-up that was asked for, and of which RabbitMQ could not tell, is seen here.
        """
        while True:
            await asyncio.sleep(self._times.agent_lease.total_seconds() / RENEWALS_PER_LEASE)
            try:
                renewed = await self._calls.note(
                    self._call.call_id,
                    when=lambda call: call.status is CallStatus.IN_PROGRESS and self._is_ours(call),
                    deadline_at=now() + self._times.agent_lease,
                )
                if renewed is None and await self._was_replaced():
                    displaced()
                elif renewed is not None and renewed.cancel_requested_at is not None:
                    end(EndReason.API_HANGUP)
            except Transient as error:
                log.warning("deadline not renewed", error=type(error).__name__)

    async def _was_replaced(self) -> bool:
        call = await self._calls.get(self._call.call_id)
        return call.status is CallStatus.IN_PROGRESS and not self._is_ours(call)

    async def ended(self, how: Ending) -> None:
        """Commit the end with the whole transcript in one write, trying for minutes while the database is away.

        Facts go before it; live chunks that RabbitMQ does not take keep it waiting for a moment only.
        """
        await asyncio.gather(*self._writing)
        if self._telling:
            await asyncio.wait(self._telling, timeout=CHUNKS_SECONDS)
        async for attempt in stamina.retry_context(
            on=Transient, attempts=None, timeout=TERMINAL_WRITE_PATIENCE_SECONDS, wait_max=5.0
        ):
            with attempt:
                told = await self._told(how.reason)
                said = await self._with_words_of_others(how.transcript)
                ended = await self._calls.advance(
                    self._call.call_id,
                    OUTCOMES[told][0],
                    CallEnded,
                    when=self._is_ours,
                    derived=partial(ending, reason=told, at=how.at),
                    transcript=said,
                    usage=how.usage,
                    latency=how.latency,
                    answered_by=how.answered_by,
                )
        if ended is None:
            log.info("end not ours to write", reason=how.reason)
        else:
            log.info("call ended", status=ended.status, reason=told, turns=len(said))
            self._relay.flush_soon(self._call.call_id)

    async def _with_words_of_others(self, said: list[Utterance]) -> list[Utterance]:
        """Add what agents before us have told live, and what was stored only after we came."""
        if not (await self._calls.get(self._call.call_id)).takeovers:
            return said
        ours = {spoken.item_id for spoken in said}
        stored = await self._transcripts.of_call(self._call.call_id)
        others = [spoken for spoken in stored if spoken.item_id not in ours]
        return sorted([*said, *others], key=lambda spoken: spoken.spoken_at)

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
        """Wait for what is still being written or published, for a while: what is left, sweepers publish."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await asyncio.gather(*self._writing, *self._telling)
                await self._relay.drain()

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin(work, self._writing)

    def _begin(self, work: Coroutine[Any, Any, None], running: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(self._persistently(work))
        running.add(task)
        task.add_done_callback(running.discard)

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
            when=lambda call: self._is_ours(call) and call.attempt is not None and call.attempt.ringing_at is None,
            derived=lambda call: {"attempts": call.attempt_with(ringing_at=at)},
        )
        if written is not None:
            self._relay.flush_soon(self._call.call_id)

    @stamina.retry(on=Transient, attempts=None, timeout=TERMINAL_WRITE_PATIENCE_SECONDS, wait_max=5.0)
    async def _write_answered(self, at: datetime, end: Callable[[EndReason], None]) -> None:
        written = await self._calls.advance(
            self._call.call_id,
            CallStatus.IN_PROGRESS,
            CallAnswered,
            within={CallStatus.DIALING},
            derived=lambda call: {**answering(call, at), "deadline_at": at + self._times.agent_lease},
        )
        if written is not None:
            self._relay.flush_soon(self._call.call_id)
        call = written or await self._calls.get(self._call.call_id)
        if call.status is not CallStatus.IN_PROGRESS:
            end(EndReason.CANCELED)
        elif call.cancel_requested_at is not None:
            end(EndReason.API_HANGUP)

    @stamina.retry(on=Transient, attempts=5, timeout=30.0, wait_max=5.0)
    async def _publish_chunk(self, event: TranscriptChunk) -> None:
        await publish_event(self._broker, event.model_dump(mode="json"), trace=self._call.trace)
