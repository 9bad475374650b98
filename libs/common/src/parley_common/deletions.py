"""That the data of a call is to go, and the proof that it has."""

from enum import StrEnum

from pydantic import AwareDatetime

from parley_common.documents import Stored


class DeletionStatus(StrEnum):
    """Whether a call's data is gone."""

    PENDING = "pending"
    COMPLETED = "completed"


class Removed(Stored):
    """What there was to remove, counted before anything was."""

    transcript_turns: int
    transcript_chunks: int
    webhook_deliveries: int
    recording_bytes: int | None
    """Null when there was no recording."""


class Deletion(Stored):
    """That a call's owner wants its data gone, and the proof that it is."""

    status: DeletionStatus = DeletionStatus.PENDING
    requested_at: AwareDatetime
    requested_by_key: str
    """The id of the API key with which it was asked for."""

    removed: Removed | None = None
    recording_gone_at: AwareDatetime | None = None
    """When the bucket said that it holds no such object."""

    completed_at: AwareDatetime | None = None
