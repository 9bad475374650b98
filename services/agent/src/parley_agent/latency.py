"""How fast the voice was: seconds from the answer to the greeting, and of each turn.

Measured here because livekit-agents (1.8.9) measures a turn only where a local voice activity detector runs; with the
Realtime model the end of a turn is the model's own event, which comes END_OF_TURN_SILENCE after the last sound.
"""

import math
import statistics
from datetime import datetime

from livekit.agents.metrics import AgentMetrics, RealtimeModelMetrics, TTSMetrics

from parley_agent.providers import END_OF_TURN_SILENCE
from parley_common.clock import now


class Latency:
    """Collects what each turn took, under LiveKit's names."""

    def __init__(self) -> None:
        self._answered_at: datetime | None = None
        self._greeting: float | None = None
        self._heard_at: datetime | None = None
        self._turns: list[dict[str, float]] = []

    def answered(self, at: datetime) -> None:
        self._answered_at = at

    def user_stopped(self) -> None:
        """The model has noticed that the callee's turn is over."""
        self._heard_at = now() - END_OF_TURN_SILENCE

    def agent_speaks(self) -> None:
        moment = now()
        if self._greeting is None and self._answered_at is not None:
            self._greeting = round((moment - self._answered_at).total_seconds(), 3)
        if self._heard_at is not None:
            self._turns.append({"e2e_latency": round((moment - self._heard_at).total_seconds(), 3)})
            self._heard_at = None

    def measured(self, metrics: AgentMetrics) -> None:
        """Take in what a model says of itself, which it does when the turn has been generated."""
        match metrics:
            case RealtimeModelMetrics(ttft=seconds):
                name = "llm_node_ttft"
            case TTSMetrics(ttfb=seconds):
                name = "tts_node_ttfb"
            case _:
                return
        if self._turns and seconds >= 0:
            self._turns[-1].setdefault(name, round(seconds, 3))

    def summary(self) -> dict[str, object]:
        """Seconds: of the greeting after the answer, of each turn, and percentiles of the replies, null without any."""
        replies = sorted(turn["e2e_latency"] for turn in self._turns)
        return {
            "answer_to_greeting": self._greeting,
            "turns": self._turns,
            "reply_p50": round(statistics.median(replies), 3) if replies else None,
            "reply_p95": _nearest_rank(replies, 95),
            "reply_p99": _nearest_rank(replies, 99),
        }


def _nearest_rank(ordered: list[float], percent: int) -> float | None:
    """Return a percentile that was really measured: of few values the largest."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else None
