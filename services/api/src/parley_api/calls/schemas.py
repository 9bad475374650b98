"""Bodies of the call endpoints."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from parley_api.calls.metadata import Metadata
from parley_api.fields import Moment, Name, PhoneNumber
from parley_common.analyses import AnalysisFailure, AnalysisStatus, Findings
from parley_common.calls import AnsweredBy, Attempt, Call, Utterance
from parley_common.db.idempotency import Acceptance
from parley_common.deletions import Deletion
from parley_common.lifecycle import OUTCOMES, CallStatus
from parley_common.recordings import Recording, RecordingStatus
from parley_common.s3 import Link


class CallBody(BaseModel):
    """Whom to call, with which assistant, over which trunk."""

    assistant_id: Name
    trunk_id: Name
    to_number: PhoneNumber
    call_service: Literal["twilio", "exotel"]
    metadata: Metadata = None
    from_number: Annotated[PhoneNumber | None, Field(description="One of the trunk's numbers")] = None
    scheduled_at: Annotated[Moment | None, Field(description="The call does not start before")] = None
    expires_at: Annotated[Moment | None, Field(description="No attempt starts after")] = None


class CallAccepted(BaseModel):
    """The call waits for its turn; `queue_id` is the call's id."""

    call_id: str
    queue_id: str
    room_name: str
    status: CallStatus
    assistant_id: str
    to_number: str
    unresolved_placeholders: list[str]

    @classmethod
    def of(cls, body: CallBody, acceptance: Acceptance) -> Self:
        return cls(
            **acceptance.model_dump(),
            queue_id=acceptance.call_id,
            assistant_id=body.assistant_id,
            to_number=body.to_number,
        )


class CallCanceled(BaseModel):
    """What became of the call: `canceled`, or `dialing` or `in_progress` while it is being hung up."""

    call_id: str
    call_status: CallStatus


class CallDeletion(BaseModel):
    """The wish to have a call's data gone, and what has come of it."""

    call_id: str
    deletion: Deletion


class CallSummary(BaseModel):
    """One line of the list."""

    call_id: str
    room_name: str
    assistant_id: str
    assistant_name: str
    trunk_id: str
    to_number: str | None = Field(description="Null when the call's data was deleted")
    call_status: CallStatus
    call_end_reason: str | None
    queued_at: datetime
    due_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, call: Call) -> Self:
        return cls(**_told(call))


class CallDetails(CallSummary):
    """All that is known about a call."""

    call_end_fault: str | None
    started_at: datetime | None = Field(description="When the callee answered")
    call_duration_minutes: float
    ringing_seconds: float | None
    sip_status_code: int | None
    answered_by: AnsweredBy | None
    metadata: dict[str, Any] | None
    unresolved_placeholders: list[str]
    attempts: list[Attempt]
    transcripts: list[Utterance]
    recording: Recording
    recording_status: RecordingStatus
    recording_path: str | None
    recording_url: str | None = Field(description="Opens the recording without a key, until it expires")
    recording_url_expires_at: datetime | None
    usage: list[dict[str, Any]]
    latency: dict[str, Any]
    analysis: Findings | None
    analysis_status: AnalysisStatus
    analysis_error: AnalysisFailure | None
    deletion: Deletion | None

    @classmethod
    def of_call(cls, call: Call, said: list[Utterance], link: Link | None) -> Self:
        """Show the call; `said` is the conversation so far, committed or live."""
        own = call.model_dump(include={"sip_status_code", "answered_by", "metadata", "unresolved_placeholders"})
        own |= call.model_dump(include={"usage", "latency", "deletion"})
        return cls(
            **_told(call),
            **own,
            call_end_fault=OUTCOMES[call.end_reason][1] if call.end_reason else None,
            attempts=call.attempts,
            transcripts=said,
            started_at=call.answered_at,
            call_duration_minutes=call.duration_minutes,
            ringing_seconds=call.attempt.ringing_seconds if call.attempt else None,
            analysis=call.analysis.findings if call.analysis else None,
            analysis_error=call.analysis.error if call.analysis else None,
            analysis_status=call.analysis_status,
            recording=call.recording,
            recording_status=call.recording_status,
            recording_path=call.recording.path,
            recording_url=link.url if link else None,
            recording_url_expires_at=link.expires_at if link else None,
        )


class CallPage(BaseModel):
    """Calls, newest first; `next_cursor` fetches the page after this one."""

    calls: list[CallSummary]
    next_cursor: str | None


def _told(call: Call) -> dict[str, Any]:
    same = ("call_id", "room_name", "assistant_id", "assistant_name", "trunk_id", "to_number")
    times = ("queued_at", "due_at", "answered_at", "ended_at")
    told = {name: getattr(call, name) for name in (*same, *times)}
    told["to_number"] = call.to_number or None
    return {**told, "call_status": call.status, "call_end_reason": call.end_reason}
