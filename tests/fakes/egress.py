"""An egress server in memory: what runs ends when the test says so."""

from dataclasses import dataclass, field, replace

from parley_common.clock import now
from parley_common.errors import LiveKitRefused, LiveKitUnavailable
from parley_recorder.egress import EgressState, EgressView, sought


@dataclass
class FakeEgress:
    """Egress whose recordings take no time; set `away` or `refuses` to make requests fail."""

    recordings: dict[str, list[EgressView]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    looks: int = 0
    away: bool = False
    refuses: bool = False
    ends_after_looks: int | None = None
    """Let a running recording end by itself when it has been looked at so often."""

    async def start(self, room_name: str, key: str) -> str:
        self._answer()
        if self.refuses:
            raise LiveKitRefused("no such room")
        made = self.recordings.setdefault(room_name, [])
        view = EgressView(f"EG_{room_name[-8:]}_{len(made)}", EgressState.RUNNING, started_at=now())
        made.append(view)
        return view.egress_id

    async def find(self, room_name: str, egress_id: str | None = None) -> EgressView | None:
        self._answer()
        self.looks += 1
        if self.ends_after_looks is not None and self.looks >= self.ends_after_looks:
            self.end(room_name)
        return sought(self.recordings.get(room_name, [])[::-1], egress_id)

    async def stop(self, egress_id: str) -> None:
        self._answer()
        self.stopped.append(egress_id)
        for room_name in self.recordings:
            self.end(room_name, egress_id=egress_id)

    def end(self, room_name: str, state: EgressState = EgressState.COMPLETE, *, egress_id: str | None = None) -> None:
        """Finish what runs in a room, or one recording of it."""
        self.recordings[room_name] = [
            replace(view, state=state, duration_seconds=4.2)
            if view.state is EgressState.RUNNING and egress_id in {None, view.egress_id}
            else view
            for view in self.recordings.get(room_name, [])
        ]

    def _answer(self) -> None:
        if self.away:
            raise LiveKitUnavailable("LiveKit does not answer")
