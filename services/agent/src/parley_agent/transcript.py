"""What was really said, in order, and the callee's turns whose words are still on their way."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from livekit.agents import AgentSession, llm

from parley_common.calls import Speaker, Utterance

FLUSH_SECONDS = 6.0
_SPEAKERS = {"assistant": Speaker.AGENT, "user": Speaker.USER}


def utterance(item: object) -> Utterance | None:
    """Read one item of the conversation; None for what is no spoken turn."""
    if not isinstance(item, llm.ChatMessage) or item.role not in _SPEAKERS:
        return None
    text = (item.text_content or "").strip()
    if not text:
        return None
    return Utterance(
        item_id=item.id,
        speaker=_SPEAKERS[item.role],
        text=text,
        spoken_at=datetime.fromtimestamp(round(item.created_at, 3), UTC),
        interrupted=item.interrupted,
    )


def transcript(session: AgentSession[None], earlier: list[Utterance]) -> list[Utterance]:
    """Return the whole conversation, in the order in which things were said."""
    said = {spoken.item_id: spoken for spoken in earlier}
    said |= {spoken.item_id: spoken for item in session.history.items if (spoken := utterance(item)) is not None}
    return sorted(said.values(), key=lambda spoken: spoken.spoken_at)


class PendingTurns:
    """The exact set of the callee's turns that the model has begun to hear and not yet transcribed."""

    def __init__(self) -> None:
        self._heard = False
        self._stopped = False
        self._committed: set[str] = set()
        self._settled = asyncio.Event()
        self._settled.set()

    def hear(self, event: dict[str, Any]) -> None:
        """Take in one raw event of the Realtime model."""
        kind, item = event.get("type"), str(event.get("item_id"))
        match kind:
            case "input_audio_buffer.speech_started":
                self._heard, self._stopped = True, False
            case "input_audio_buffer.speech_stopped":
                self._stopped = True
            case "input_audio_buffer.committed":
                self._heard = False
                self._committed.add(item)
            case (
                "conversation.item.input_audio_transcription.completed"
                | "conversation.item.input_audio_transcription.failed"
            ):
                self._committed.discard(item)
        if self._heard or self._committed:
            self._settled.clear()
        else:
            self._settled.set()

    async def flush(self, commit: Callable[[], object]) -> None:
        """Wait for the callee's last words, at most FLUSH_SECONDS; `commit` ends the turn that nobody will end.

        A plain close would lose them.
        """
        if self._heard and not self._stopped:
            commit()
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._settled.wait()
