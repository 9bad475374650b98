"""How fast the voice was: seconds from the answer to the greeting, and of each turn."""

import statistics
from datetime import datetime

from livekit.agents import llm

from parley_common.clock import now

_METRICS = ("e2e_latency", "llm_node_ttft", "tts_node_ttfb", "end_of_turn_delay")


class Latency:
    """Collects what each turn took."""

    def __init__(self) -> None:
        self._answered_at: datetime | None = None
        self._greeting: float | None = None
        self._turns: list[dict[str, float]] = []

    def answered(self, at: datetime) -> None:
        self._answered_at = at

    def agent_speaks(self) -> None:
        if self._greeting is None and self._answered_at is not None:
            self._greeting = round((now() - self._answered_at).total_seconds(), 3)

    def turn(self, item: object) -> None:
        if not isinstance(item, llm.ChatMessage) or item.role != "assistant":
            return
        measured = {name: item.metrics.get(name) for name in _METRICS}
        turn = {name: round(value, 3) for name, value in measured.items() if isinstance(value, float)}
        if turn:
            self._turns.append(turn)

    def summary(self) -> dict[str, object]:
        """Seconds: of the greeting after the answer, of each turn, and the median and 95th percentile of replies."""
        replies = sorted(turn["e2e_latency"] for turn in self._turns if "e2e_latency" in turn)
        summary: dict[str, object] = {"answer_to_greeting": self._greeting, "turns": self._turns}
        if replies:
            summary["reply_p50"] = round(statistics.median(replies), 3)
            summary["reply_p95"] = replies[min(len(replies) - 1, round(0.95 * len(replies)))]
        return summary
