"""Assistants as they are stored."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from parley_common.documents import Stored
from parley_common.ids import AssistantId, OwnerId
from parley_common.lifecycle import EndReason


class Voice(Stored):
    """The speaking half of an assistant."""

    tts_model: Literal["cartesia", "sarvam"]
    voice_id: str | None = None
    speaker: str | None = None
    speed: float = 1.0


class Limits(Stored):
    """How long a call may ring, stay silent and last."""

    ringing_timeout_seconds: Annotated[int, Field(ge=5, le=75)] = 45
    max_duration_seconds: Annotated[int, Field(ge=10, le=14_400)] = 1800
    silence_timeout_seconds: Annotated[int, Field(ge=3, le=120)] = 15


type Delay = Annotated[int, Field(ge=10, le=86_400)] | None


class Retries(Stored):
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


class Voicemail(Stored):
    """What the agent does when a mailbox answers; `continue` does not look for one."""

    behaviour: Literal["hang_up", "leave_message", "continue"] = "hang_up"
    message: str | None = None


class Transfer(Stored):
    """To which number the agent may hand the callee over, and when; `when` completes a sentence for the model."""

    to_number: str
    when: str = "the other person asks to speak to a human"


class Tools(Stored):
    """What the agent may do beside talking; null: it may not."""

    transfer: Transfer | None = None


class Question(Stored):
    """What is to be found out of the conversation, and the kind of its answer."""

    name: str
    question: str
    type: Literal["text", "number", "boolean", "choice"] = "text"
    choices: list[str] = Field(default_factory=list)


class AnalysisPlan(Stored):
    """Whether conclusions are drawn from what was said, by which model, and which beside a summary."""

    enabled: bool = False
    model: str = "gpt-4.1-mini"
    goal: str | None = None
    """A sentence that is true of a call that went well."""

    questions: Sequence[Question] = Field(default_factory=list)


class AssistantSnapshot(Stored):
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
    analysis: AnalysisPlan = AnalysisPlan()


class Conversation(BaseModel):
    """How an assistant listens and speaks, beyond its voice."""

    language: str = "en"
    model: str = "gpt-realtime"
    voice_speed: float = 1.0


class RecordingChoice(BaseModel):
    """Whether calls are recorded, and for how many hours a report's link to the recording opens; null: no link."""

    enabled: bool = True
    link_hours: Annotated[int, Field(ge=1, le=168)] | None = None


class Assistant(BaseModel):
    """Who speaks on a call. The flat fields are the contract's; what was added later is nested."""

    model_config = ConfigDict(hide_input_in_errors=True)

    assistant_id: AssistantId
    owner_id: OwnerId
    created_by_email: str
    assistant_name: str
    assistant_description: str
    assistant_prompt: str
    assistant_tts_model: Literal["cartesia", "sarvam"]
    assistant_tts_voice_id: str | None = None
    assistant_tts_speaker: str | None = None
    assistant_start_instruction: str | None = None
    assistant_end_call_url: str | None = None
    assistant_conversation: Conversation = Conversation()
    assistant_limits: Limits = Limits()
    assistant_retries: Retries = Retries()
    assistant_voicemail: Voicemail = Voicemail()
    assistant_tools: Tools = Tools()
    assistant_recording: RecordingChoice = RecordingChoice()
    assistant_analysis: AnalysisPlan = AnalysisPlan()
    active: bool = True
    created_at: AwareDatetime
    updated_at: AwareDatetime
