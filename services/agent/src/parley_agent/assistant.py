"""The assistant as livekit-agents sees it: instructions and tools."""

from collections.abc import Callable

from livekit.agents import Agent, RunContext, function_tool

from parley_common.calls import AssistantSnapshot

HOUSE_RULES = (
    "You are on a phone call. Speak in short sentences, without lists, markup or emoji. "
    "When the conversation is finished, say goodbye and then call end_call."
)


class Assistant(Agent):
    """Speaks as the customer wrote it; may hang up."""

    def __init__(self, snapshot: AssistantSnapshot, hang_up: Callable[[], None]) -> None:
        super().__init__(instructions=f"{snapshot.prompt}\n\n{HOUSE_RULES}")
        self._hang_up = hang_up

    @function_tool
    async def end_call(self, context: RunContext[None]) -> None:
        """Hang up when the conversation is finished."""
        await context.wait_for_playout()
        self._hang_up()
