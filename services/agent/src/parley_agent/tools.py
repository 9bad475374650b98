"""What the model may do beside speaking."""

from collections.abc import Callable
from dataclasses import dataclass

from livekit.agents import RunContext, function_tool, llm

from parley_common.calls import AssistantSnapshot

A_PERSON = "This is a person, not a mailbox. Go on with the conversation."


@dataclass(frozen=True)
class Actions:
    """What the tools do; each returns whether it was done."""

    hang_up: Callable[[], None]
    leave_to_mailbox: Callable[[], bool]


def tools_of(assistant: AssistantSnapshot, actions: Actions) -> list[llm.Tool | llm.Toolset]:
    """Return the tools that an assistant was given; what it may not do, the model does not know of."""
    tools: list[llm.Tool | llm.Toolset] = [_end_call(actions)]
    if assistant.voicemail.behaviour != "continue":
        tools.append(_voicemail_detected(actions))
    return tools


def _end_call(actions: Actions) -> llm.Tool:
    @function_tool
    async def end_call(context: RunContext[None]) -> None:
        """Hang up when the conversation is finished."""
        await context.wait_for_playout()
        actions.hang_up()

    return end_call


def _voicemail_detected(actions: Actions) -> llm.Tool:
    @function_tool
    async def voicemail_detected() -> str | None:
        """Call this at once, without a word, when a mailbox or an answering machine has picked up.

        It is one when a recorded announcement says that nobody is available or that a message can be left after a
        tone. A person who speaks with you, asks who you are, or asks you to wait is none.
        """
        return None if actions.leave_to_mailbox() else A_PERSON

    return voicemail_detected
