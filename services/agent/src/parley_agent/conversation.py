"""One conversation, from joining the room to the last word."""

import asyncio
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from livekit import rtc
from livekit.agents import (
    AgentSession,
    AgentStateChangedEvent,
    CloseEvent,
    CloseReason,
    ConversationItemAddedEvent,
    ErrorEvent,
    JobContext,
    UserStateChangedEvent,
    room_io,
)

from parley_agent import usage
from parley_agent.assistant import Assistant
from parley_agent.latency import Latency
from parley_agent.line import Line
from parley_agent.patience import Patience
from parley_agent.reporting import Reporter
from parley_agent.transcript import PendingTurns, transcript, utterance
from parley_common.calls import Call, Utterance
from parley_common.clock import now
from parley_common.errors import Transient
from parley_common.lifecycle import EndReason
from parley_common.worker import running

log = structlog.get_logger()

WARM_UP_SECONDS = 5.0
CLOSE_SECONDS = 10.0
FAREWELL_SECONDS = 12.0
FALLBACK_GREETING = "Hello?"
WRAP_UP = "The time for this call is over. Say so in one short sentence and say goodbye."
ARE_YOU_THERE = "The other person has been silent for a while. Ask in one short sentence whether they are still there."
NOBODY_THERE = "Nobody answers any more. Say one short goodbye."
GO_ON = "The line was interrupted for a moment. Apologise in one short sentence and go on where you were."
SILENT_PROMPTS = 2


class Conversation:
    """Holds the call of one room. `end` may be called by anyone, any number of times: the first reason counts."""

    def __init__(
        self, ctx: JobContext, call: Call, session: AgentSession[None], reporter: Reporter, earlier: list[Utterance]
    ) -> None:
        """`earlier` is what was said before, when this agent takes the place of one that died."""
        self._ctx = ctx
        self._call = call
        self._session = session
        self._reporter = reporter
        self._line = Line(ctx.room)
        self._earlier = earlier
        self._assistant = Assistant(call.assistant, earlier, lambda: self.end(EndReason.AGENT_HANGUP))
        self._latency = Latency()
        self._patience = Patience(lambda: self.end(EndReason.PROVIDER_FAILED))
        self._pending = PendingTurns()
        self._reason: EndReason | None = None
        self._over = asyncio.Event()
        self._unanswered_prompts = 0
        self._speaking: set[asyncio.Task[None]] = set()

    def end(self, reason: EndReason) -> None:
        if self._reason is None:
            self._reason = reason
            log.info("conversation ends", reason=reason)
        self._over.set()

    async def hold(self, worker_id: str) -> None:
        """Join, warm up, say ready, wait for the answer, talk, and report how it ended."""
        try:
            await self._join()
            await self._warm_up()
            if not await self._reporter.ready(self._ctx.room.local_participant.identity, worker_id):
                log.info("call is not ours")
                await self._leave()
                return
            log.info("agent holds the call", process_id=os.getpid())
            if self._call.answered_at is not None:
                self._line.resume()
                self._soon(self._apologise())
            else:
                self._line.look()
            async with running([self._reporter.renew_forever()]):
                await self._talk()
                await self._finish()
        finally:
            await self._close()

    async def _join(self) -> None:
        self._listen()
        await self._session.start(
            self._assistant,
            room=self._ctx.room,
            room_options=room_io.RoomOptions(
                participant_kinds=[rtc.ParticipantKind.PARTICIPANT_KIND_SIP], close_on_disconnect=False
            ),
            record=False,
        )

    async def _warm_up(self) -> None:
        """Make sure that the models answer before a phone rings."""
        awake = asyncio.Event()

        def hear(event: dict[str, Any]) -> None:
            awake.set()
            self._pending.hear(event)

        model = self._assistant.realtime_llm_session
        model.on("openai_server_event_received", hear)
        model.on("metrics_collected", self._latency.measured)
        if self._session.tts is not None:
            self._session.tts.on("metrics_collected", self._latency.measured)
            self._session.tts.prewarm()
        await self._assistant.update_instructions(str(self._assistant.instructions))  # answered by `session.updated`
        try:
            async with asyncio.timeout(WARM_UP_SECONDS):
                await awake.wait()
        except TimeoutError:
            self.end(EndReason.PROVIDER_FAILED)

    def _listen(self) -> None:
        self._line.on_ringing = self._reporter.ringing
        self._line.on_answered = self._answered
        self._line.on_gone = lambda: self.end(EndReason.CALLEE_HANGUP)
        self._line.watch()
        self._ctx.room.on("disconnected", lambda _: self.end(EndReason.ROOM_LOST))
        self._session.on("conversation_item_added", self._item_added)
        self._session.on("agent_state_changed", self._agent_state_changed)
        self._session.on("user_state_changed", self._user_state_changed)
        self._session.on("error", self._failed)
        self._session.on("close", self._closed)

    async def _talk(self) -> None:
        limits = self._call.assistant.limits
        longest = timedelta(seconds=limits.max_duration_seconds)
        try:
            async with asyncio.timeout(limits.ringing_timeout_seconds + limits.max_duration_seconds):
                await self._first_of(self._line.answered)
            used = now() - self._call.answered_at if self._call.answered_at else timedelta()
            async with asyncio.timeout((longest - used).total_seconds()):
                await self._first_of(self._over)
        except TimeoutError:
            await self._say_last(WRAP_UP)
            self.end(EndReason.MAX_DURATION)

    async def _first_of(self, event: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(self._over.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _answered(self) -> None:
        moment = now()
        self._latency.answered(moment)
        self._soon(self._greet())
        self._reporter.answered(moment, lambda: self.end(EndReason.CANCELED))

    async def _greet(self) -> None:
        """Say the first words; a model that has none gets a second chance, then the voice speaks alone."""
        self._patience.expect()
        instruction = self._call.assistant.start_instruction
        for _ in range(2):
            handle = (
                self._session.generate_reply(instructions=instruction)
                if instruction
                else (self._session.generate_reply())
            )
            await handle
            if self._over.is_set() or (handle.exception() is None and (handle.chat_items or handle.interrupted)):
                return
        await self._session.say(FALLBACK_GREETING)

    async def _apologise(self) -> None:
        self._patience.expect()
        await self._session.generate_reply(instructions=GO_ON)

    async def _say_last(self, instruction: str) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._session.generate_reply(instructions=instruction)

    async def _prompt_or_leave(self) -> None:
        if self._unanswered_prompts < SILENT_PROMPTS:
            self._unanswered_prompts += 1
            self._patience.expect()
            await self._session.generate_reply(instructions=ARE_YOU_THERE)
            self._session.reset_away_timer()  # who is away already would not be missed again
            return
        await self._say_last(NOBODY_THERE)
        self.end(EndReason.SILENCE)

    def _item_added(self, event: ConversationItemAddedEvent) -> None:
        if (spoken := utterance(event.item)) is not None:
            self._reporter.said(spoken)

    def _agent_state_changed(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._patience.rest()
            self._latency.agent_speaks()

    def _user_state_changed(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._unanswered_prompts = 0
            self._patience.rest()
        elif event.old_state == "speaking":
            self._latency.user_stopped()
            if self._session.agent_state != "speaking":
                self._patience.expect()
        elif event.new_state == "away" and self._line.answered.is_set() and not self._over.is_set():
            self._soon(self._prompt_or_leave())

    def _failed(self, event: ErrorEvent) -> None:
        """A fatal error of the Realtime model emits no `close` (livekit-agents 1.8.9), so it ends the call here."""
        error = event.error
        log.warning("provider error", kind=error.type, recoverable=error.recoverable)
        if error.type == "realtime_model_error" and not error.recoverable:
            self.end(EndReason.PROVIDER_FAILED)

    def _closed(self, event: CloseEvent) -> None:
        failed = event.reason is CloseReason.ERROR
        self.end(EndReason.PROVIDER_FAILED if failed else EndReason.INTERNAL_ERROR)

    async def _finish(self) -> None:
        """Report the end, unless the phone was never answered: then the dialer knows why, and says it."""
        reason = self._reason or EndReason.INTERNAL_ERROR
        answered = self._line.answered.is_set()
        if not answered and reason is not EndReason.PROVIDER_FAILED:
            return
        if reason is not EndReason.PROVIDER_FAILED:
            await self._pending.flush(self._session)
        await self._close()
        used = usage.told(self._session.usage.model_usage)
        said = transcript(self._session, self._earlier)
        await self._reporter.ended(reason, said, used, self._latency.summary())
        await self._leave()

    async def _leave(self) -> None:
        """Close the room of a call that is over; joining made it anew if it was gone."""
        with suppress(TimeoutError, Transient):
            async with asyncio.timeout(CLOSE_SECONDS):
                if await self._reporter.is_over():
                    await self._ctx.delete_room()

    async def _close(self) -> None:
        """Close the session; a dead provider's error surfaces here once more and has been reported already."""
        for task in self._speaking:
            task.cancel()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._session.aclose()
        except Exception as error:  # noqa: BLE001  # whatever it raises, the report must go out
            log.info("session closed with an error", error=type(error).__name__)

    def _soon(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._speaking.add(task)
        task.add_done_callback(self._speaking.discard)
