"""The port through which the recorder has rooms written to files, in the recorder's own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class EgressState(StrEnum):
    """Whether a file may be expected."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True)
class EgressView:
    """What the egress server says about one recording."""

    egress_id: str
    state: EgressState
    started_at: datetime | None = None
    duration_seconds: float | None = None
    error: str | None = None


def sought(latest_first: Sequence[EgressView], egress_id: str | None) -> EgressView | None:
    """Choose among the recordings of one room as `Egress.find` does."""
    views = [view for view in latest_first if egress_id in {None, view.egress_id}]
    running = (view for view in views if view.state is EgressState.RUNNING)
    return next(running, views[0] if views else None)


class Egress(Protocol):
    """What the recorder asks of LiveKit.

    Every method raises LiveKitUnavailable when the server does not answer, LiveKitRefused when it says no.
    """

    async def start(self, room_name: str, key: str) -> str:
        """Have a room's audio written to `key`, agent left and callee right; return the egress id."""

    async def find(self, room_name: str, egress_id: str | None = None) -> EgressView | None:
        """Say how a recording of a room stands: the one asked for, else the latest that runs, else the latest."""

    async def stop(self, egress_id: str) -> None:
        """Have a recording finished; harmless when it has ended."""
