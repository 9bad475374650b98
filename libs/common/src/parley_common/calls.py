"""What a call is, and the facts that its steps write: the rules, free of any framework."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from parley_common.ids import AssistantId, AttemptId, CallId, OwnerId, TrunkId
from parley_common.lifecycle import UNDER_WAY, WAITING, CallStatus, EndReason


class _Document(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", validate_default=True)


class Voice(_Document):
    """The speaking half of an assistant."""

    tts_model: Literal["cartesia", "sarvam"]
    voice_id: str | None = None
    speaker: str | None = None
    speed: float = 1.0


class Limits(_Document):
    """How long a call may ring, stay silent and last."""

    ringing_timeout_seconds: Annotated[int, Field(ge=5, le=75)] = 45
    max_duration_seconds: Annotated[int, Field(ge=10, le=14_400)] = 1800
    silence_timeout_seconds: Annotated[int, Field(ge=3, le=120)] = 15


type Delay = Annotated[int, Field(ge=10, le=86_400)] | None


class Retries(_Document):
    """How often a call that reached nobody is tried again, and after how many seconds; null: not after this."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 1
    busy_delay_seconds: Delay = 120
    no_answer_delay_seconds: Delay = 900
    declined_delay_seconds: Delay = None
    carrier_delay_seconds: Delay = 60

    def delay_after(self, reason: EndReason) -> timedelta | None:
        match reason:
            case EndReason.BUSY:
                seconds = self.busy_delay_seconds
            case EndReason.NO_ANSWER:
                seconds = self.no_answer_delay_seconds
            case EndReason.DECLINED:
                seconds = self.declined_delay_seconds
            case EndReason.CARRIER_ERROR | EndReason.TRUNK_UNREACHABLE:
                seconds = self.carrier_delay_seconds
            case _:
                seconds = None
        return timedelta(seconds=seconds) if seconds is not None else None


class Voicemail(_Document):
    """What the agent does when a mailbox answers; `continue` does not look for one."""

    behaviour: Literal["hang_up", "leave_message", "continue"] = "hang_up"
    message: str | None = None


class Transfer(_Document):
    """To which number the agent may hand the callee over, and when; `when` completes a sentence for the model."""

    to_number: str
    when: str = "the other person asks to speak to a human"


class Tools(_Document):
    """What the agent may do beside talking; null: it may not."""

    transfer: Transfer | None = None


class AssistantSnapshot(_Document):
    """The assistant as it was when the call was accepted, its placeholders filled."""

    assistant_id: AssistantId
    assistant_name: str
    prompt: str
    start_instruction: str | None = None
    end_call_url: str | None = None
    voice: Voice
    language: str = "en"
    model: str = "gpt-realtime"
    limits: Limits = Limits()
    retries: Retries = Retries()
    voicemail: Voicemail = Voicemail()
    tools: Tools = Tools()
    recording_enabled: bool = True
    recording_link_hours: int | None = None


type AnsweredBy = Literal["human", "voicemail"]


class Speaker(StrEnum):
    """Who said it."""

    AGENT = "agent"
    USER = "user"


class Utterance(_Document):
    """One turn as it was really spoken: cut where the callee interrupted."""

    item_id: str
    speaker: Speaker
    text: str
    spoken_at: AwareDatetime
    interrupted: bool = False


class Attempt(_Document):
    """One INVITE at most; its id is the SIP participant's identity."""

    attempt_id: AttemptId
    dialed_at: AwareDatetime
    ringing_at: AwareDatetime | None = None
    answered_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    reason: EndReason | None = None
    sip_status_code: int | None = None

    @property
    def ringing_seconds(self) -> float | None:
        until = self.answered_at or self.ended_at
        return round((until - self.ringing_at).total_seconds(), 3) if self.ringing_at and until else None


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


class Recording(_Document):
    """A call's audio file; `path` is set only after the object was seen in the bucket."""

    status: RecordingStatus = RecordingStatus.NONE
    egress_id: str | None = None
    key: str | None = None
    path: str | None = None
    size_bytes: int | None = None
    duration_seconds: float | None = None
    started_at: AwareDatetime | None = None
    answer_offset_seconds: float | None = None
    error: str | None = None


class DeletionStatus(StrEnum):
    """Whether a call's data is gone."""

    PENDING = "pending"
    COMPLETED = "completed"


class Removed(_Document):
    """What there was to remove, counted before anything was."""

    transcript_turns: int
    transcript_chunks: int
    webhook_deliveries: int
    recording_bytes: int | None
    """Null when there was no recording."""


class Deletion(_Document):
    """That a call's owner wants its data gone, and the proof that it is."""

    status: DeletionStatus = DeletionStatus.PENDING
    requested_at: AwareDatetime
    requested_by_key: str
    """The id of the API key with which it was asked for."""

    removed: Removed | None = None
    recording_gone_at: AwareDatetime | None = None
    """When the bucket said that it holds no such object."""

    completed_at: AwareDatetime | None = None


SIP_OK = 200


class Call(_Document):
    """One accepted call: the single truth about it."""

    call_id: CallId
    owner_id: OwnerId
    status: CallStatus = CallStatus.QUEUED
    version: int = 1
    room_name: str
    to_number: str
    from_number: str | None = None
    trunk_id: TrunkId
    call_service: str
    metadata: dict[str, Any] | None = None
    unresolved_placeholders: list[str] = []
    assistant: AssistantSnapshot
    trace: dict[str, str] = {}
    """W3C trace context of the request, carried by every event of the call."""

    queued_at: AwareDatetime
    due_at: AwareDatetime
    expires_at: AwareDatetime
    """Until when the call may wait for its next start."""

    not_after: AwareDatetime | None = None
    """The customer's own limit: no attempt starts later."""

    deadline_at: AwareDatetime
    starting_at: AwareDatetime | None = None
    agent_ready_at: AwareDatetime | None = None
    agent_identity: str | None = None
    """The agent in the room; None while the place is vacant."""

    worker_id: str | None = None
    vacant_at: AwareDatetime | None = None
    takeovers: int = 0
    dispatches: int = 0
    answered_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    attempts: list[Attempt] = []
    end_reason: EndReason | None = None
    sip_status_code: int | None = None
    answered_by: AnsweredBy | None = None
    cancel_requested_at: AwareDatetime | None = None
    transcript: list[Utterance] = []
    usage: list[dict[str, Any]] = []
    latency: dict[str, Any] = {}
    analysis: dict[str, Any] | None = None
    """What was concluded from the conversation; nothing concludes anything yet."""

    recording: Recording = Recording()
    deletion: Deletion | None = None

    @property
    def attempt(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def awaits_agent(self) -> bool:
        """Whether an agent that comes now is the one that is missing."""
        return self.status in UNDER_WAY and self.agent_identity is None

    @property
    def awaits_recording(self) -> bool:
        """Whether a recording of this call may still come."""
        expected = self.assistant.recording_enabled and self.answered_at is not None
        return expected and self.recording.status not in RECORDING_DECIDED

    @property
    def assistant_id(self) -> AssistantId:
        return self.assistant.assistant_id

    @property
    def assistant_name(self) -> str:
        return self.assistant.assistant_name

    @property
    def duration_minutes(self) -> float:
        lasted = self.ended_at - self.answered_at if self.ended_at and self.answered_at else timedelta()
        return round(lasted / timedelta(minutes=1), 2)

    @property
    def recording_status(self) -> RecordingStatus:
        """What will be of the recording; one that still runs when nobody has answered is thrown away."""
        if self.awaits_recording:
            return RecordingStatus.PROCESSING
        return self.recording.status if self.recording.status in RECORDING_DECIDED else RecordingStatus.NONE

    def attempt_with(self, **facts: object) -> list[Attempt]:
        """Return the attempts with `facts` written into the latest one."""
        return [*self.attempts[:-1], self.attempts[-1].model_copy(update=facts)] if self.attempts else []


def answering(call: Call, at: datetime) -> dict[str, object]:
    """The facts of the answer, whoever sees it first."""
    return {
        "answered_at": at,
        "sip_status_code": SIP_OK,
        "attempts": call.attempt_with(answered_at=at, sip_status_code=SIP_OK),
    }


def failing(call: Call, reason: EndReason, at: datetime, sip_status_code: int | None = None) -> dict[str, object]:
    """The facts of an attempt that reached nobody."""
    code = sip_status_code if sip_status_code is not None else (call.attempt.sip_status_code if call.attempt else None)
    return {
        "sip_status_code": code,
        "attempts": call.attempt_with(ended_at=at, reason=reason, sip_status_code=code),
    }


def ending(call: Call, reason: EndReason, at: datetime, sip_status_code: int | None = None) -> dict[str, object]:
    """The facts that every terminal write sets; a call that ends while it waits leaves its last attempt as it was."""
    ended = {"end_reason": reason, "ended_at": at}
    return ended if call.status in WAITING else {**ended, **failing(call, reason, at, sip_status_code)}
