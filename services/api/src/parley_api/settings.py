"""What the api needs from its environment."""

from datetime import timedelta
from functools import cached_property

from pydantic import AmqpDsn, Field, HttpUrl, SecretStr
from pydantic_settings import SettingsConfigDict

from parley_common.settings import (
    Block,
    CallTimes,
    LiveKitSettings,
    MongoSettings,
    PublicSettings,
    RabbitSettings,
    S3Settings,
    SecretSettings,
    SmtpSettings,
    WebhookTargetSettings,
)


class IntegratorSettings(Block):
    """How RabbitMQ is managed, and where integrators reach it; what is not told follows from RABBITMQ_URL."""

    rabbitmq_management_url: HttpUrl | None = None
    rabbitmq_public_url: AmqpDsn | None = None
    """Without user and password: each integrator gets his own."""


class ApiSettings(Block):
    """How open the front door is."""

    model_config = SettingsConfigDict(env_prefix="API_")

    signup_token: SecretStr | None = None
    """When set, POST /auth/create-key needs it in the header x-signup-token."""

    signups_per_minute: int = Field(default=30, ge=1)
    """From one address, at one replica."""

    max_body_bytes: int = Field(default=256 * 1024, ge=1024)
    require_placeholders: bool = False
    """Refuse a call whose metadata leaves a placeholder unfilled."""

    streams_per_owner: int = Field(default=20, ge=1)
    """Open at once, at one replica."""

    stream_heartbeat: timedelta = timedelta(seconds=15)
    stream_send_timeout: timedelta = timedelta(seconds=30)
    """A reader that takes longer to take in what it is sent is cut."""

    @cached_property
    def public(self) -> PublicSettings:
        return PublicSettings()

    @cached_property
    def rabbit(self) -> RabbitSettings:
        return RabbitSettings()

    @cached_property
    def integrators(self) -> IntegratorSettings:
        return IntegratorSettings()

    @cached_property
    def mongo(self) -> MongoSettings:
        return MongoSettings()

    @cached_property
    def livekit(self) -> LiveKitSettings:
        return LiveKitSettings()

    @cached_property
    def secret(self) -> SecretSettings:
        return SecretSettings()

    @cached_property
    def s3(self) -> S3Settings:
        return S3Settings()

    @cached_property
    def smtp(self) -> SmtpSettings:
        return SmtpSettings()

    @cached_property
    def targets(self) -> WebhookTargetSettings:
        return WebhookTargetSettings()

    @cached_property
    def times(self) -> CallTimes:
        return CallTimes()
