"""Every INVITE the phone network got, and what became of it."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from parley_sandbox.tape import Tape


def _moment() -> float:
    return time.time()


@dataclass
class CallRecord:
    """One INVITE, from its arrival to the end of the call. Times are seconds since 1970, intervals seconds."""

    to_number: str
    from_number: str
    trunk_id: str
    room_name: str
    participant_identity: str
    sip_call_id: str
    invited_at: float = field(default_factory=_moment)
    ringing_at: float | None = None
    answered_at: float | None = None
    first_word_at: float | None = None
    last_word_at: float | None = None
    voices_heard_at: list[float] = field(default_factory=list)
    """When the agent began to speak, each time after a silence."""

    response_seconds: list[float] = field(default_factory=list)
    ended_at: float | None = None
    hung_up_by: str | None = None
    sip_status_code: int | None = None
    transferred_to: str | None = None
    left: Tape | None = None
    """What a mailbox recorded."""

    def as_json(self) -> dict[str, object]:
        """Write it with ISO times, as `GET /calls` answers."""
        written = vars(self) | {"left": f"/calls/{self.sip_call_id}/left.wav" if self.left else None}
        for name, value in written.items():
            if name.endswith("_at") and value is not None:
                written[name] = [_iso(moment) for moment in value] if isinstance(value, list) else _iso(value)
        if self.answered_at is not None and self.first_word_at is not None:
            written["answer_to_first_word_seconds"] = round(self.first_word_at - self.answered_at, 3)
        return written


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


class Switchboard:
    """The call records, oldest first."""

    def __init__(self) -> None:
        self._records: list[CallRecord] = []

    def record(self, record: CallRecord) -> CallRecord:
        self._records.append(record)
        return record

    def list(self, room_name: str | None = None) -> list[CallRecord]:
        return [record for record in self._records if room_name in (None, record.room_name)]

    def find(self, sip_call_id: str) -> CallRecord | None:
        return next((record for record in self._records if record.sip_call_id == sip_call_id), None)

    def clear(self) -> None:
        self._records.clear()
