"""The assistant as livekit-agents sees it: instructions and tools."""

from collections.abc import Callable

from livekit.agents import Agent, RunContext, function_tool, llm

from parley_common.calls import AssistantSnapshot, Speaker, Utterance

HOUSE_RULES = (
    "You are on a phone call. Speak in short sentences, without lists, markup or emoji. "
    "When the conversation is finished, say goodbye and then call end_call."
)


_ROLES: dict[Speaker, llm.ChatRole] = {Speaker.AGENT: "assistant", Speaker.USER: "user"}


class Assistant(Agent):
    """Speaks as the customer wrote it; may hang up."""

    def __init__(self, snapshot: AssistantSnapshot, said: list[Utterance], hang_up: Callable[[], None]) -> None:
        """Know the assistant's prompt and what was said before, by an agent that is no more."""
        super().__init__(instructions=f"{snapshot.prompt}\n\n{HOUSE_RULES}", chat_ctx=_remembered(said))
        self._hang_up = hang_up

    @function_tool
    async def end_call(self, context: RunContext[None]) -> None:
        """Hang up when the conversation is finished."""
        await context.wait_for_playout()
        self._hang_up()


def _remembered(said: list[Utterance]) -> llm.ChatContext:
    remembered = llm.ChatContext.empty()
    for utterance in said:
        remembered.add_message(
            role=_ROLES[utterance.speaker],
            content=utterance.text,
            id=utterance.item_id,
            created_at=utterance.spoken_at.timestamp(),
            interrupted=utterance.interrupted,
        )
    return remembered
