"""The report of a call: the contract's keys first, everything that Parley adds beside them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, PlainSerializer, WithJsonSchema

from parley_common.calls import RECORDING_DECIDED, AnsweredBy, Attempt, Call, RecordingStatus, Utterance
from parley_common.clock import iso
from parley_common.lifecycle import OUTCOMES, CallStatus, EndReason, Fault

type Moment = Annotated[
    datetime, PlainSerializer(iso), WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization")
]


class Said(BaseModel):
    """One turn of the conversation."""

    speaker: Literal["agent", "user"]
    text: str
    timestamp: Moment


class Dialed(BaseModel):
    """One INVITE and what came of it."""

    dialed_at: Moment
    ringing_at: Moment | None
    answered_at: Moment | None
    ended_at: Moment | None
    end_reason: EndReason | None
    sip_status_code: int | None


class CallReport(BaseModel):
    """What is known about a call that is over."""

    room_name: str
    assistant_id: str
    assistant_name: str
    to_number: str
    recording_path: str | None
    transcripts: list[Said]
    started_at: Moment | None
    ended_at: Moment | None
    call_duration_minutes: float

    call_id: str
    call_status: CallStatus
    call_end_reason: EndReason | None
    fault: Fault | None
    answered_by: AnsweredBy | None
    sip_status_code: int | None
    attempts: list[Dialed]
    queued_at: Moment
    answered_at: Moment | None
    ringing_seconds: float | None
    metadata: dict[str, Any] | None
    recording_status: RecordingStatus
    usage: list[dict[str, Any]]
    latency: dict[str, Any]


def report(call: Call) -> CallReport:
    return CallReport(
        room_name=call.room_name,
        assistant_id=call.assistant_id,
        assistant_name=call.assistant_name,
        to_number=call.to_number,
        recording_path=call.recording.path,
        transcripts=[_said(utterance) for utterance in call.transcript],
        started_at=call.answered_at,
        ended_at=call.ended_at,
        call_duration_minutes=_minutes(call.answered_at, call.ended_at),
        call_id=call.call_id,
        call_status=call.status,
        call_end_reason=call.end_reason,
        fault=OUTCOMES[call.end_reason][1] if call.end_reason else None,
        answered_by=call.answered_by,
        sip_status_code=call.sip_status_code,
        attempts=[_dialed(attempt) for attempt in call.attempts],
        queued_at=call.queued_at,
        answered_at=call.answered_at,
        ringing_seconds=_ringing_seconds(call.attempt),
        metadata=call.metadata,
        recording_status=_recording_status(call),
        usage=call.usage,
        latency=call.latency,
    )


def _recording_status(call: Call) -> RecordingStatus:
    """Say what will be of the recording; one that still runs when nobody has answered is thrown away."""
    if call.awaits_recording:
        return RecordingStatus.PROCESSING
    return call.recording.status if call.recording.status in RECORDING_DECIDED else RecordingStatus.NONE


def _said(utterance: Utterance) -> Said:
    return Said(speaker=utterance.speaker.value, text=utterance.text, timestamp=utterance.spoken_at)


def _dialed(attempt: Attempt) -> Dialed:
    return Dialed(
        dialed_at=attempt.dialed_at,
        ringing_at=attempt.ringing_at,
        answered_at=attempt.answered_at,
        ended_at=attempt.ended_at,
        end_reason=attempt.reason,
        sip_status_code=attempt.sip_status_code,
    )


def _minutes(start: datetime | None, end: datetime | None) -> float:
    return round((end - start).total_seconds() / 60, 2) if start and end else 0.0


def _ringing_seconds(attempt: Attempt | None) -> float | None:
    if attempt is None or attempt.ringing_at is None:
        return None
    until = attempt.answered_at or attempt.ended_at
    return round((until - attempt.ringing_at).total_seconds(), 3) if until else None
