"""Makes sure that the models answer before a phone rings."""

import asyncio
from typing import Any

from parley_agent.assistant import Assistant
from parley_agent.latency import Latency
from parley_agent.providers import Models
from parley_agent.transcript import PendingTurns

WARM_UP_SECONDS = 5.0


async def warm_up(assistant: Assistant, models: Models, pending: PendingTurns, latency: Latency) -> bool:
    """Attach who listens to the models, and return whether they answer."""
    awake = asyncio.Event()

    def hear(event: dict[str, Any]) -> None:
        awake.set()
        pending.hear(event)

    mind = assistant.realtime_llm_session
    mind.on("openai_server_event_received", hear)
    mind.on("metrics_collected", latency.measured)
    models.voice.on("metrics_collected", latency.measured)
    models.voice.prewarm()
    await assistant.update_instructions(str(assistant.instructions))  # answered by `session.updated`
    try:
        async with asyncio.timeout(WARM_UP_SECONDS):
            await awake.wait()
    except TimeoutError:
        return False
    return True
