"""Assistants as they are stored."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from parley_common.calls import Limits, Retries, Tools, Voicemail
from parley_common.ids import AssistantId, OwnerId


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
    active: bool = True
    created_at: AwareDatetime
    updated_at: AwareDatetime
