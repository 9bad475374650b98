"""The report of a call: the contract's keys first, everything that Parley adds beside them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema

from parley_common.analyses import AnalysisFailure, AnalysisStatus, Findings
from parley_common.calls import AnsweredBy, Attempt, Call, Utterance
from parley_common.clock import iso
from parley_common.lifecycle import OUTCOMES, CallStatus, EndReason, Fault
from parley_common.recordings import RecordingStatus
from parley_common.s3 import Link

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
    recording_path: str | None = Field(description="Where the file is; null until it was seen in the bucket")
    transcripts: list[Said] = Field(description="In the order in which it was said, cut where it was interrupted")
    started_at: Moment | None = Field(description="When the callee answered; null if never")
    ended_at: Moment | None
    call_duration_minutes: float = Field(description="From `started_at` to `ended_at`, minutes; 0.0 without an answer")

    call_id: str
    call_status: CallStatus
    call_end_reason: EndReason | None
    fault: Fault | None = Field(description="Whose doing the end was")
    answered_by: AnsweredBy | None = Field(description="`human` or `voicemail`; null if nobody, or unknown")
    sip_status_code: int | None = Field(description="Of the last attempt")
    attempts: list[Dialed] = Field(description="One for each time that the phone was dialed")
    queued_at: Moment
    answered_at: Moment | None
    ringing_seconds: float | None = Field(description="Of the last attempt, seconds; null if the phone did not ring")
    metadata: dict[str, Any] | None = Field(description="As it came with the call")
    recording_status: RecordingStatus = Field(
        description="`processing`: an event of its own follows; `ready`, `failed`, `expired`; `none`: not recorded"
    )
    recording_url: str | None = Field(
        description="Opens the recording without a key; null unless `assistant_recording.link_hours` is set"
    )
    recording_url_expires_at: Moment | None
    usage: list[dict[str, Any]] = Field(
        description="By provider and model: tokens and characters are counts, `audio_duration` (sound that was made) "
        "and `session_duration` are seconds"
    )
    latency: dict[str, Any] = Field(
        description="Seconds: `answer_to_greeting`; for each of `turns` from the callee's last sound to the agent's "
        "first (`e2e_latency`), and the model's first token and the voice's first byte in it; `reply_p50`, "
        "`reply_p95`, `reply_p99` of all turns, measured ones: of few turns the longest; null without any"
    )
    analysis: Findings | None = Field(
        description="What `assistant_analysis` asks for; null unless `analysis_status` is `ready`"
    )
    analysis_status: AnalysisStatus = Field(
        default=AnalysisStatus.NONE,
        description="`processing`: an event of its own follows; `ready`, `failed`; `none`: not asked for, or no answer",
    )
    analysis_error: AnalysisFailure | None = Field(default=None, description="Why there is none, if it has failed")


def report(call: Call, link: Link | None = None) -> CallReport:
    return CallReport(
        room_name=call.room_name,
        assistant_id=call.assistant_id,
        assistant_name=call.assistant_name,
        to_number=call.to_number,
        recording_path=call.recording.path,
        transcripts=[_said(utterance) for utterance in call.transcript],
        started_at=call.answered_at,
        ended_at=call.ended_at,
        call_duration_minutes=call.duration_minutes,
        call_id=call.call_id,
        call_status=call.status,
        call_end_reason=call.end_reason,
        fault=OUTCOMES[call.end_reason][1] if call.end_reason else None,
        answered_by=call.answered_by,
        sip_status_code=call.sip_status_code,
        attempts=[_dialed(attempt) for attempt in call.attempts],
        queued_at=call.queued_at,
        answered_at=call.answered_at,
        ringing_seconds=call.attempt.ringing_seconds if call.attempt else None,
        metadata=call.metadata,
        recording_status=call.recording_status,
        recording_url=link.url if link else None,
        recording_url_expires_at=link.expires_at if link else None,
        usage=call.usage,
        latency=call.latency,
        analysis=call.analysis.findings if call.analysis else None,
        analysis_status=call.analysis_status,
        analysis_error=call.analysis.error if call.analysis else None,
    )


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
