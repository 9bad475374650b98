"""Bodies of the assistant endpoints."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from parley_api.assistants.analysis import AnalysisBody
from parley_api.assistants.speakers import SARVAM_MODEL, SARVAM_SPEAKERS
from parley_api.fields import Name, PhoneNumber, Text
from parley_common.assistants import (
    AnalysisPlan,
    Assistant,
    Conversation,
    Limits,
    RecordingChoice,
    Retries,
    Tools,
    Transfer,
    Voicemail,
)

type Short = Annotated[str, Field(max_length=200)]


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}", value):
        raise PydanticCustomError("language", "must be two small letters of ISO 639-1, e.g. en")
    return value


class ConversationBody(Conversation):
    """How the assistant listens and speaks."""

    model_config = ConfigDict(extra="forbid")
    language: Annotated[str, AfterValidator(_language), Field(description="ISO 639-1")] = "en"
    model: Name = "gpt-realtime"
    voice_speed: Annotated[float, Field(ge=0.6, le=2.0)] = 1.0


class LimitsBody(Limits):
    """How long a call may ring, stay silent and last, in seconds."""

    model_config = ConfigDict(extra="forbid")


class RetriesBody(Retries):
    """How often a call that reached nobody is tried again, and after how many seconds; null: not after this."""

    model_config = ConfigDict(extra="forbid")


class VoicemailBody(Voicemail):
    """What the agent does when a mailbox answers; `continue` does not look for one."""

    model_config = ConfigDict(extra="forbid")
    message: Annotated[
        Text | None,
        Field(max_length=1000, validate_default=True, description="Said after the beep; {{ key }} is filled"),
    ] = None

    @field_validator("message")
    @classmethod
    def _message_is_there_to_leave(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("behaviour") == "leave_message" and not value:
            raise PydanticCustomError("message_required", "required when behaviour is leave_message")
        return value


class TransferBody(Transfer):
    """To which number the agent may hand the callee over, and when."""

    model_config = ConfigDict(extra="forbid")
    to_number: PhoneNumber
    when: Annotated[Text, Field(min_length=1, max_length=500, description="Completes a sentence for the model")] = (
        "the other person asks to speak to a human"
    )


class ToolsBody(Tools):
    """What the agent may do beside talking; null: it may not."""

    model_config = ConfigDict(extra="forbid")
    transfer: TransferBody | None = None


class RecordingBody(RecordingChoice):
    """Whether calls are recorded, and for how many hours a report's link to the recording opens; null: no link."""

    model_config = ConfigDict(extra="forbid")


class AssistantBody(BaseModel):
    """An assistant as a whole; also what a change is checked against once it is merged."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "assistant_name": "Support Agent",
                "assistant_description": "Answers questions about orders.",
                "assistant_prompt": "You help {{ name | the customer }} with their order.",
                "assistant_tts_model": "cartesia",
                "assistant_tts_voice_id": "f786b574-daa5-4673-aa0c-cbe3e8534c02",
                "assistant_start_instruction": 'Say "Hello {{ name | there }}, how can I help?"',
                "assistant_end_call_url": "https://example.com/calls",
                "assistant_analysis": {
                    "enabled": True,
                    "goal": "{{ name | the customer }} knows when the order arrives.",
                    "questions": [{"name": "wants_callback", "question": "Call again?", "type": "boolean"}],
                },
            }
        }
    )

    assistant_name: Name
    assistant_description: Text
    assistant_prompt: Annotated[Text, Field(min_length=1)]
    assistant_tts_model: Literal["cartesia", "sarvam"]
    assistant_tts_voice_id: Annotated[Text | None, Field(validate_default=True)] = None
    assistant_tts_speaker: Annotated[Text | None, Field(validate_default=True)] = None
    assistant_start_instruction: Short | None = None
    assistant_end_call_url: Short | None = None
    assistant_conversation: ConversationBody = ConversationBody()
    assistant_limits: LimitsBody = LimitsBody()
    assistant_retries: RetriesBody = RetriesBody()
    assistant_voicemail: VoicemailBody = VoicemailBody()
    assistant_tools: ToolsBody = ToolsBody()
    assistant_recording: RecordingBody = RecordingBody()
    assistant_analysis: AnalysisBody = AnalysisBody()

    @field_validator("assistant_tts_voice_id")
    @classmethod
    def _voice_goes_with_cartesia(cls, value: str | None, info: ValidationInfo) -> str | None:
        match info.data.get("assistant_tts_model"):
            case "cartesia" if not value:
                raise PydanticCustomError("voice_required", "required when assistant_tts_model is cartesia")
            case "sarvam" if value is not None:
                raise PydanticCustomError("voice_refused", "not allowed when assistant_tts_model is sarvam")
        return value

    @field_validator("assistant_tts_speaker")
    @classmethod
    def _speaker_goes_with_sarvam(cls, value: str | None, info: ValidationInfo) -> str | None:
        match info.data.get("assistant_tts_model"):
            case "sarvam" if value not in SARVAM_SPEAKERS:
                valid = ", ".join(SARVAM_SPEAKERS)
                raise PydanticCustomError("speaker_unknown", f"must be a speaker of {SARVAM_MODEL}: {valid}")
            case "cartesia" if value is not None:
                raise PydanticCustomError("speaker_refused", "not allowed when assistant_tts_model is cartesia")
        return value


class AssistantChange(BaseModel):
    """Any subset of an assistant; what is checked is the merged whole."""

    model_config = ConfigDict(extra="ignore")

    assistant_name: str | None = None
    assistant_description: str | None = None
    assistant_prompt: str | None = None
    assistant_tts_model: str | None = None
    assistant_tts_voice_id: str | None = None
    assistant_tts_speaker: str | None = None
    assistant_start_instruction: str | None = None
    assistant_end_call_url: str | None = None
    assistant_conversation: dict[str, object] | None = None
    assistant_limits: dict[str, object] | None = None
    assistant_retries: dict[str, object] | None = None
    assistant_voicemail: dict[str, object] | None = None
    assistant_tools: dict[str, object] | None = None
    assistant_recording: dict[str, object] | None = None
    assistant_analysis: dict[str, object] | None = None


class AssistantCreated(BaseModel):
    """The new assistant's id and name."""

    assistant_id: str
    assistant_name: str


class AssistantChanged(BaseModel):
    """Which assistant it was."""

    assistant_id: str


class AssistantSummary(BaseModel):
    """One line of the list."""

    assistant_id: str
    assistant_name: str
    assistant_tts_model: str
    assistant_created_by_email: str

    @classmethod
    def of(cls, assistant: Assistant) -> Self:
        return cls(**assistant.model_dump(), assistant_created_by_email=assistant.created_by_email)


class AssistantDetails(BaseModel):
    """The whole assistant, also one that today's rules would refuse."""

    assistant_id: str
    assistant_name: str
    assistant_description: str
    assistant_prompt: str
    assistant_tts_model: str
    assistant_tts_voice_id: str | None
    assistant_tts_speaker: str | None
    assistant_start_instruction: str | None
    assistant_end_call_url: str | None
    assistant_conversation: Conversation
    assistant_limits: Limits
    assistant_retries: Retries
    assistant_voicemail: Voicemail
    assistant_tools: Tools
    assistant_recording: RecordingChoice
    assistant_analysis: AnalysisPlan
    assistant_created_by_email: str
    assistant_created_at: datetime
    assistant_updated_at: datetime

    @classmethod
    def of(cls, assistant: Assistant) -> Self:
        return cls(
            **assistant.model_dump(),
            assistant_created_by_email=assistant.created_by_email,
            assistant_created_at=assistant.created_at,
            assistant_updated_at=assistant.updated_at,
        )
