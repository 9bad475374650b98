"""One conversation, from joining the room to the last word."""

import asyncio
import os
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from livekit import rtc
from livekit.agents import (
    CloseEvent,
    CloseReason,
    ConversationItemAddedEvent,
    ErrorEvent,
    JobContext,
    room_io,
)

from parley_agent import usage
from parley_agent.aside import Aside
from parley_agent.assistant import Assistant
from parley_agent.closing import CLOSE_SECONDS, close
from parley_agent.handover import Handover
from parley_agent.keys import Keys
from parley_agent.latency import Latency
from parley_agent.line import Line
from parley_agent.patience import Patience
from parley_agent.providers import Models
from parley_agent.reporting import Ending, Reporter
from parley_agent.speaking import NOBODY_THERE, WRAP_UP, Speaking
from parley_agent.tools import Actions, tools_of
from parley_agent.transcript import PendingTurns, transcript, utterance
from parley_agent.turns import Turns
from parley_agent.voicemail import Mailbox
from parley_agent.warming import warm_up
from parley_common.calls import Call, Utterance
from parley_common.clock import now
from parley_common.errors import Transient
from parley_common.lifecycle import EndReason
from parley_common.worker import running

log = structlog.get_logger()

SILENT_PROMPTS = 2


class Conversation:
    """Holds the call of one room. `end` may be called by anyone, any number of times: the first reason counts."""

    def __init__(
        self, ctx: JobContext, call: Call, models: Models, reporter: Reporter, earlier: list[Utterance]
    ) -> None:
        """`earlier` is what was said before, when this agent takes the place of one that died."""
        self._ctx = ctx
        self._call = call
        self._models = models
        self._session = models.session
        self._reporter = reporter
        self._line = Line(ctx.room)
        self._handover = Handover(ctx, self._line)
        self._aside = Aside(ctx.room, models.voice, self._said_aside)
        self._mailbox = Mailbox(call.assistant.voicemail, ctx.room, self._session, self._aside)
        self._earlier = earlier
        actions = Actions(
            hang_up=lambda: self.end(EndReason.AGENT_HANGUP),
            leave_to_mailbox=self._leave_to_mailbox,
            transfer=self._transfer,
        )
        self._assistant = Assistant(call.assistant, earlier, tools_of(call.assistant, actions))
        self._latency = Latency()
        self._patience = Patience(self._aside.hold, lambda: self.end(EndReason.PROVIDER_FAILED))
        self._pending = PendingTurns()
        self._reason: EndReason | None = None
        self._ended_at: datetime | None = None
        self._over = asyncio.Event()
        self._displaced = False
        self._answered_at = call.answered_at
        self._turns = Turns(self._session, self._latency, self._patience)
        self._speaking = Speaking(self._session, self._patience, self._over)
        self._tasks: set[asyncio.Task[None]] = set()

    def end(self, reason: EndReason) -> None:
        if self._reason is None:
            self._reason, self._ended_at = reason, now()
            log.info("conversation ends", reason=reason)
        self._over.set()

    async def hold(self, worker_id: str) -> None:
        """Join, warm up, say ready, wait for the answer, talk, and report how it ended."""
        try:
            await self._join()
            able = await warm_up(self._assistant, self._models, self._pending, self._latency)
            if not await self._take_place(worker_id, able=able):
                log.info("call is not ours")
                await self._leave()
                return
            if not able:
                self.end(EndReason.PROVIDER_FAILED)
            log.info("agent holds the call", process_id=os.getpid())
            if self._call.answered_at is not None:
                self._line.resume()
                self._soon(self._speaking.go_on())
            else:
                self._line.look()
            async with running([self._reporter.renew_forever(self.end, self._step_aside)]):
                await self._talk()
                await self._finish()
        finally:
            await self._close()

    async def _take_place(self, worker_id: str, *, able: bool) -> bool:
        """Become the call's agent; no phone rings for one who cannot talk, or was put out of the room meanwhile."""
        if self._over.is_set():
            return False
        return await self._reporter.ready(self._ctx.room.local_participant.identity, worker_id, able=able)

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

    def _listen(self) -> None:
        self._line.on_ringing = self._reporter.ringing
        self._line.on_answered = self._answered
        self._line.on_mended = lambda: self._soon(self._speaking.pick_up_the_thread())
        self._line.on_gone = self._gone
        self._line.on_key = Keys(lambda keys: self._soon(self._speaking.answer_keys(keys))).press
        self._line.watch()
        self._mailbox.watch()
        self._ctx.room.on("disconnected", self._put_out)
        self._turns.on_silence = self._silent
        self._turns.watch()
        self._session.on("conversation_item_added", self._item_added)
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
            await self._speaking.say_last(WRAP_UP)
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
        self._answered_at = moment
        self._latency.answered(moment)
        self._soon(self._speaking.greet(self._call.assistant.start_instruction))
        self._reporter.answered(moment, self.end)

    def _put_out(self, reason: rtc.DisconnectReason.ValueType) -> None:
        """We are out of the room; an own connection of before LiveKit's restart may have come in late, and put us out.

        Then another agent goes on: our worker sees that this one is gone.
        """
        if reason == rtc.DisconnectReason.DUPLICATE_IDENTITY and self._reason is None:
            log.warning("put out by a connection of our own")
            self._step_aside()
        else:
            self.end(EndReason.ROOM_LOST)

    def _step_aside(self) -> None:
        """Another agent holds the call, or will: it is not over, and ours no more."""
        if self._reason is None:
            self._displaced = True
            self._over.set()

    def _gone(self, reason: EndReason) -> None:
        """The callee has left; one who is handed over may leave before we know that it worked."""
        if not self._handover.under_way:
            self.end(EndReason.VOICEMAIL if self._mailbox.answered else reason)

    async def _transfer(self, to_number: str) -> bool:
        self._patience.rest()
        transferred = await self._handover.to(to_number)
        log.info("transfer ends", transferred=transferred)
        if transferred:
            self.end(EndReason.TRANSFERRED)
        elif self._line.callee is None:
            self.end(EndReason.CALLEE_HANGUP)
        else:
            self._patience.expect()
        return transferred

    def _silent(self) -> None:
        busy = self._mailbox.answered or self._handover.under_way or self._over.is_set()
        if self._line.answered.is_set() and not busy:
            self._soon(self._ask_or_leave())

    async def _ask_or_leave(self) -> None:
        if self._turns.prompts < SILENT_PROMPTS:
            self._turns.prompts += 1
            await self._speaking.ask_whether_there()
            return
        await self._speaking.say_last(NOBODY_THERE)
        self.end(EndReason.SILENCE)

    def _leave_to_mailbox(self) -> bool:
        """A mailbox has answered, the model says; False when that cannot be."""
        if self._mailbox.answered:
            return True
        if not self._mailbox.recognise(self._answered_at):
            return False
        self._patience.rest()
        self._soon(self._leave_message())
        return True

    async def _leave_message(self) -> None:
        left = await self._mailbox.leave_message()
        self.end(EndReason.VOICEMAIL if left else EndReason.PROVIDER_FAILED)

    def _said_aside(self, spoken: Utterance) -> None:
        """Keep what the session does not know of."""
        self._earlier.append(spoken)
        self._reporter.said(spoken)

    def _item_added(self, event: ConversationItemAddedEvent) -> None:
        if (spoken := utterance(event.item)) is not None:
            self._reporter.said(spoken)

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
        if self._displaced:
            return
        reason = self._reason or EndReason.INTERNAL_ERROR
        answered = self._line.answered.is_set()
        if not answered and reason is not EndReason.PROVIDER_FAILED:
            return
        if reason is not EndReason.PROVIDER_FAILED:
            await self._pending.flush(self._commit)
            await self._close()
        elif answered:
            await asyncio.gather(self._apologise(), self._close())  # a session with a dead model takes long to close
        said = transcript(self._session, self._earlier)
        await self._reporter.ended(
            Ending(
                reason,
                now() if reason is EndReason.PROVIDER_FAILED else self._ended_at or now(),
                said,
                usage.told(self._session.usage.model_usage),
                self._latency.summary(),
                self._mailbox.answered_by(said),
            )
        )
        await self._leave()

    def _commit(self) -> None:
        self._session.commit_user_turn(skip_reply=True, transcript_timeout=0.1, stt_flush_duration=0)

    async def _apologise(self) -> None:
        """Nobody is hung up on without a word."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._aside.apologise()

    async def _leave(self) -> None:
        """Close the room of a call that is over; joining made it anew if it was gone."""
        with suppress(TimeoutError, Transient):
            async with asyncio.timeout(CLOSE_SECONDS):
                if await self._reporter.is_over():
                    await self._ctx.delete_room()

    async def _close(self) -> None:
        self._mailbox.close()
        self._patience.rest()
        for task in self._tasks:
            task.cancel()
        await close(self._session)

    def _soon(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
