"""What is known about the audio file of a call."""

from enum import StrEnum

from pydantic import AwareDatetime

from parley_common.documents import Stored


class RecordingStatus(StrEnum):
    """What is known about a call's recording."""

    NONE = "none"
    RECORDING = "recording"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"
    """It was there; its time to be kept is over."""


RECORDING_DECIDED = frozenset({RecordingStatus.READY, RecordingStatus.FAILED, RecordingStatus.EXPIRED})


class Recording(Stored):
    """A call's audio file; `path` is set only after the object was seen in the bucket."""

    status: RecordingStatus = RecordingStatus.NONE
    starting_at: AwareDatetime | None = None
    """Of the call, when this was begun: a call that starts again has another, and its recording is another one."""

    egress_id: str | None = None
    key: str | None = None
    path: str | None = None
    size_bytes: int | None = None
    duration_seconds: float | None = None
    started_at: AwareDatetime | None = None
    answer_offset_seconds: float | None = None
    error: str | None = None
