"""What the simulated model says and does: rules enough for a conversation that can be followed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from parley_sandbox import scenarios

_QUOTED = re.compile(r'"([^"]{2,200})"')
_KEYS = re.compile(r"[0-9*#](?: [0-9*#])+")
GREETING = "Hello, this is your voice assistant. How can I help you today?"
ANYTHING_ELSE = "I see. Is there anything else that I can do for you?"
CONNECTING = "One moment, I will connect you."
FAREWELL = "Thank you for your time. Goodbye."

_REPLIES: Mapping[str, str] = {
    scenarios.ORDER: "Of course. Your order is on its way and will arrive tomorrow.",
    scenarios.THANKS: "You are welcome. Have a nice day.",
    scenarios.TELL_MORE: "Your parcel left our warehouse this morning and is now on the road to you.",
    scenarios.INTERRUPTION: "Yes, of course. What is your question?",
    scenarios.GREETING_OF_A_MAILBOX: "This is a message for you. Please call us back when you have a moment.",
    scenarios.PRESSED: "Thank you, I have received your keys.",
}


@dataclass(frozen=True)
class Reply:
    """Words, and the tool that is called after them; either may be missing."""

    words: str | None = None
    tool: str | None = None


class Mind:
    """The state of one simulated conversation."""

    def __init__(self) -> None:
        self._heard: list[str] = []
        self._told: str | None = None

    def hear(self, text: str) -> None:
        self._heard.append(text)
        self._told = None

    def learn(self, output: str) -> None:
        """Take in what a tool has answered."""
        self._told = output or None

    def reply(self, instructions: str | None, tools: Mapping[str, str]) -> Reply:
        """Answer an instruction if there is one, else what was heard last; `tools` are described by name."""
        if instructions := instructions or self._told:
            quoted = _QUOTED.search(instructions)
            return Reply(quoted[1] if quoted else _on_instruction(instructions))
        if not self._heard:
            return Reply(GREETING)
        return self._answer(self._heard[-1], tools)

    def _answer(self, text: str, tools: Mapping[str, str]) -> Reply:
        for name, description in tools.items():
            if f'"{text}"' in description:
                return Reply(CONNECTING, name)
        if text == scenarios.PRESSED and (keys := next(filter(None, map(_KEYS.search, self._heard)), None)):
            return Reply(f"Thank you, I have received {keys[0]}.")
        if text == scenarios.GREETING_OF_A_MAILBOX and "voicemail_detected" in tools:
            return Reply(tool="voicemail_detected")
        if text == scenarios.GOODBYE:
            return Reply(FAREWELL, "end_call" if "end_call" in tools else None)
        return Reply(_REPLIES.get(text, ANYTHING_ELSE))


def _on_instruction(instructions: str) -> str:
    said = instructions.lower()
    if "goodbye" in said:
        return FAREWELL
    if "still there" in said:
        return "Are you still there?"
    if "apolog" in said:
        return "I am sorry for the interruption. Where were we?"
    return GREETING
