"""What the agent says of its own accord: the greeting, questions into the silence, the last words."""

import asyncio
from contextlib import suppress

from livekit.agents import AgentSession

from parley_agent.patience import Patience

FAREWELL_SECONDS = 12.0
TRACKS_SECONDS = 1.0
"""Two who are back in a room hear one another a moment later."""

FALLBACK_GREETING = "Hello?"
WRAP_UP = "The time for this call is over. Say so in one short sentence and say goodbye."
ARE_YOU_THERE = "The other person has been silent for a while. Ask in one short sentence whether they are still there."
NOBODY_THERE = "Nobody answers any more. Say one short goodbye."
GO_ON = "The line was interrupted for a moment. Apologise in one short sentence and go on where you were."

KEYS = "(I have pressed the keys {keys})"


class Speaking:
    """Speaks through the session, and tells Patience that words are expected."""

    def __init__(self, session: AgentSession[None], patience: Patience, over: asyncio.Event) -> None:
        self._session = session
        self._patience = patience
        self._over = over

    async def greet(self, instruction: str | None) -> None:
        """Say the first words; a model that has none gets a second chance, then the voice speaks alone."""
        self._patience.expect()
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

    async def go_on(self) -> None:
        """Apologise for the silence."""
        self._patience.expect()
        await self._session.generate_reply(instructions=GO_ON)

    async def pick_up_the_thread(self) -> None:
        """Apologise for a connection that was lost; what was said meanwhile nobody has heard."""
        await asyncio.sleep(TRACKS_SECONDS)
        await self._session.interrupt(force=True)
        await self.go_on()

    async def ask_whether_there(self) -> None:
        self._patience.expect()
        await self._session.generate_reply(instructions=ARE_YOU_THERE)
        self._session.reset_away_timer()  # who is away already would not be missed again

    async def answer_keys(self, keys: str) -> None:
        """Tell the model what the callee has entered; it stands in the transcript as their turn."""
        self._patience.expect()
        await self._session.generate_reply(user_input=KEYS.format(keys=keys))

    async def say_last(self, instruction: str) -> None:
        self._patience.expect()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                handle = self._session.generate_reply(instructions=instruction)
                await handle
                if handle.exception() is not None:  # a reply to the callee was on its way
                    await self._session.interrupt(force=True)
                    await self._session.generate_reply(instructions=instruction)
