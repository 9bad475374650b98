"""What a call is, and the facts that its steps write: the rules, free of any framework."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from parley_common.analyses import Analysis, AnalysisStatus
from parley_common.assistants import AssistantSnapshot
from parley_common.deletions import Deletion
from parley_common.documents import Stored
from parley_common.ids import AssistantId, AttemptId, CallId, OwnerId, TrunkId
from parley_common.lifecycle import UNDER_WAY, WAITING, CallStatus, EndReason
from parley_common.recordings import RECORDING_DECIDED, Recording, RecordingStatus

type AnsweredBy = Literal["human", "voicemail"]


class Speaker(StrEnum):
    """Who said it."""

    AGENT = "agent"
    USER = "user"


class Utterance(Stored):
    """One turn as it was really spoken: cut where the callee interrupted."""

    item_id: str
    speaker: Speaker
    text: str
    spoken_at: AwareDatetime
    interrupted: bool = False


class Attempt(Stored):
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


SIP_OK = 200


class Call(Stored):
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
    unresolved_placeholders: list[str] = Field(default_factory=list)
    assistant: AssistantSnapshot
    trace: dict[str, str] = Field(default_factory=dict)
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
    lost_identity: str | None = None
    """The agent that was lost last: it may live, and has to leave the room before another one speaks."""

    agent_sought_at: AwareDatetime | None = None
    """When another agent was last sent for."""

    phone_left_as: str | None = None
    """LiveKit's disconnect reason of the latest phone, in its own words."""

    phone_left_at: AwareDatetime | None = None

    takeovers: int = 0
    dispatches: int = 0
    """How often the call was started; each start makes one attempt at most."""

    answered_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    attempts: list[Attempt] = Field(default_factory=list)
    end_reason: EndReason | None = None
    sip_status_code: int | None = None
    answered_by: AnsweredBy | None = None
    cancel_requested_at: AwareDatetime | None = None
    transcript: list[Utterance] = Field(default_factory=list)
    usage: list[dict[str, Any]] = Field(default_factory=list)
    latency: dict[str, Any] = Field(default_factory=dict)
    analysis: Analysis | None = None

    recording: Recording = Recording()
    deletion: Deletion | None = None

    @property
    def attempt(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    def same_start_as(self, earlier: "Call") -> bool:
        """Whether the call was not started again since; what is known of one start says nothing of the next."""
        return self.dispatches == earlier.dispatches

    def same_agent_as(self, earlier: "Call") -> bool:
        """Whether nobody has come or gone since; what is known of one agent says nothing of the next."""
        return self.agent_identity == earlier.agent_identity

    @property
    def awaits_agent(self) -> bool:
        """Whether an agent that comes now is the one that is missing."""
        return self.status in UNDER_WAY and self.agent_identity is None

    @property
    def lost_an_agent(self) -> bool:
        """Whether an agent died in it, whose last words may be known only after the end."""
        return self.takeovers > 0 or self.end_reason is EndReason.AGENT_LOST

    @property
    def awaits_recording(self) -> bool:
        """Whether a recording of this call may still come."""
        expected = self.assistant.recording_enabled and self.answered_at is not None
        return expected and self.recording.status not in RECORDING_DECIDED

    @property
    def awaits_analysis(self) -> bool:
        """Whether conclusions from this call may still come."""
        expected = self.assistant.analysis.enabled and self.answered_at is not None
        return expected and (self.analysis is None or self.analysis.status is AnalysisStatus.PROCESSING)

    @property
    def analysis_status(self) -> AnalysisStatus:
        if self.awaits_analysis:
            return AnalysisStatus.PROCESSING
        return self.analysis.status if self.analysis else AnalysisStatus.NONE

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
    """The facts that every terminal write sets; a call that ends between attempts leaves the last one as it was."""
    ended = {"end_reason": reason, "ended_at": at}
    between = call.status in WAITING or call.status is CallStatus.STARTING
    return ended if between else {**ended, **failing(call, reason, at, sip_status_code)}
