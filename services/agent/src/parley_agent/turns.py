"""Who speaks and who waits: how fast replies are, how long a silence lasts."""

from collections.abc import Callable

from livekit.agents import AgentSession, AgentStateChangedEvent, UserStateChangedEvent

from parley_agent.latency import Latency
from parley_agent.patience import Patience


class Turns:
    """Follows the states of both sides. `prompts` counts the questions that the callee left unanswered in a row."""

    def __init__(self, session: AgentSession[None], latency: Latency, patience: Patience) -> None:
        self._session = session
        self._latency = latency
        self._patience = patience
        self.prompts = 0
        self.on_silence: Callable[[], None] = lambda: None

    def watch(self) -> None:
        self._session.on("agent_state_changed", self._agent_state_changed)
        self._session.on("user_state_changed", self._user_state_changed)

    def _agent_state_changed(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._patience.satisfy()
            self._latency.agent_speaks()

    def _user_state_changed(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self.prompts = 0
            self._patience.rest()
        elif event.old_state == "speaking":
            self._latency.user_stopped()
            if self._session.agent_state != "speaking":
                self._patience.expect()
        elif event.new_state == "away":
            self.on_silence()
