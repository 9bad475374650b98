"""What the model may do beside speaking."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from livekit.agents import RunContext, function_tool, llm

from parley_common.assistants import AssistantSnapshot, Transfer

NOT_TRANSFERRED = "The transfer failed. Apologise in one short sentence and go on with the conversation."
A_PERSON = "This is a person, not a mailbox. Go on with the conversation."


@dataclass(frozen=True)
class Actions:
    """What the tools do; the last two return whether it was done."""

    hang_up: Callable[[], None]
    leave_to_mailbox: Callable[[], bool]
    transfer: Callable[[str], Awaitable[bool]]


def tools_of(assistant: AssistantSnapshot, actions: Actions) -> list[llm.Tool | llm.Toolset]:
    """Return the tools that an assistant was given; what it may not do, the model does not know of."""
    tools: list[llm.Tool | llm.Toolset] = [_end_call(actions)]
    if assistant.voicemail.behaviour != "continue":
        tools.append(_voicemail_detected(actions))
    if assistant.tools.transfer is not None:
        tools.append(_transfer_call(assistant.tools.transfer, actions))
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


def _transfer_call(transfer: Transfer, actions: Actions) -> llm.Tool:
    @function_tool(
        description=f"Hand the other person over to a colleague, when {transfer.when}. "
        "Before you call this, say in one short sentence that you connect them."
    )
    async def transfer_call(context: RunContext[None]) -> str | None:
        await context.wait_for_playout()
        return None if await actions.transfer(transfer.to_number) else NOT_TRANSFERRED

    return transfer_call
