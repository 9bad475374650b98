"""The port through which the recorder has rooms written to files, in the recorder's own words."""

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


class Egress(Protocol):
    """What the recorder asks of LiveKit.

    Every method raises LiveKitUnavailable when the server does not answer, LiveKitRefused when it says no.
    """

    async def start(self, room_name: str, key: str) -> str:
        """Have a room's audio written to `key`, agent left and callee right; return the egress id."""

    async def find(self, room_name: str) -> EgressView | None:
        """Say how the recording of a room stands: the one that runs, else the latest."""

    async def stop(self, egress_id: str) -> None:
        """Have a recording finished; harmless when it has ended."""
