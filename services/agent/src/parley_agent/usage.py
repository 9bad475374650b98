"""What a conversation used, by provider: tokens, characters, seconds of sound."""

from collections.abc import Iterable
from typing import Any

from livekit.agents.metrics import ModelUsage

_BY_TYPE = {"llm_usage": "openai"}
"""The Realtime plugin calls its provider by the host of its base URL, which may be a proxy's."""


def told(used: Iterable[ModelUsage]) -> list[dict[str, Any]]:
    """Write each model's usage under the provider's own name, durations in seconds to the millisecond."""
    return [_told(model) for model in used]


def _told(model: ModelUsage) -> dict[str, Any]:
    facts = {name: round(value, 3) if isinstance(value, float) else value for name, value in model if value is not None}
    return {**facts, "provider": _BY_TYPE.get(model.type, model.provider.lower())}
