"""What the agent needs from its environment."""

from functools import cached_property

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from parley_common.settings import (
    Block,
    CallTimes,
    LiveKitSettings,
    MongoSettings,
    OpenAISettings,
    RabbitSettings,
    TelemetrySettings,
)


class ProviderSettings(OpenAISettings):
    """Keys and addresses of the model providers; a base URL points at a proxy or at the sandbox."""

    cartesia_api_key: SecretStr | None = None
    cartesia_base_url: str = "https://api.cartesia.ai"
    sarvam_api_key: SecretStr | None = None
    sarvam_base_url: str = "https://api.sarvam.ai"


class AgentSettings(Block):
    """How many conversations one worker holds, and how many processes wait ready for the next."""

    model_config = SettingsConfigDict(env_prefix="AGENT_")

    max_calls: int = Field(default=10, ge=1)
    idle_processes: int = Field(default=2, ge=1)
    drain_timeout_seconds: int = Field(default=3600, ge=1)

    @cached_property
    def livekit(self) -> LiveKitSettings:
        return LiveKitSettings()

    @cached_property
    def mongo(self) -> MongoSettings:
        return MongoSettings()

    @cached_property
    def rabbit(self) -> RabbitSettings:
        return RabbitSettings()

    @cached_property
    def providers(self) -> ProviderSettings:
        return ProviderSettings()

    @cached_property
    def telemetry(self) -> TelemetrySettings:
        return TelemetrySettings()

    @cached_property
    def times(self) -> CallTimes:
        return CallTimes()
