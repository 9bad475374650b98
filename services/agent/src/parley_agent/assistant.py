"""The assistant as livekit-agents sees it: instructions, tools, and what was said before."""

from livekit.agents import Agent, llm

from parley_common.assistants import AssistantSnapshot
from parley_common.calls import Speaker, Utterance

HOUSE_RULES = (
    "You are on a phone call. Speak in short sentences, without lists, markup or emoji. "
    "When the conversation is finished, say goodbye and then call end_call."
)


_ROLES: dict[Speaker, llm.ChatRole] = {Speaker.AGENT: "assistant", Speaker.USER: "user"}


class Assistant(Agent):
    """Speaks as the customer wrote it."""

    def __init__(self, snapshot: AssistantSnapshot, said: list[Utterance], tools: list[llm.Tool | llm.Toolset]) -> None:
        """Know the assistant's prompt and what was said before, by an agent that is no more."""
        super().__init__(instructions=f"{snapshot.prompt}\n\n{HOUSE_RULES}", chat_ctx=_remembered(said), tools=tools)


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
