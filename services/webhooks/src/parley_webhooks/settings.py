"""What the webhooks service needs from its environment."""

from datetime import timedelta
from functools import cached_property

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from parley_common.settings import (
    Block,
    MongoSettings,
    PublicSettings,
    RabbitSettings,
    S3Settings,
    SecretSettings,
    SmtpSettings,
    WebhookTargetSettings,
)


class WebhooksSettings(Block):
    """How many POSTs one replica holds at once, and how long a report waits for what is missing."""

    model_config = SettingsConfigDict(env_prefix="WEBHOOKS_")

    parallel_deliveries: int = Field(default=100, ge=1)
    parallel_per_endpoint: int = Field(default=10, ge=1)
    """A slow endpoint holds at most so many, so that it delays nobody else."""

    report_wait: timedelta = timedelta(seconds=10)

    @cached_property
    def rabbit(self) -> RabbitSettings:
        return RabbitSettings()

    @cached_property
    def mongo(self) -> MongoSettings:
        return MongoSettings()

    @cached_property
    def secret(self) -> SecretSettings:
        return SecretSettings()

    @cached_property
    def targets(self) -> WebhookTargetSettings:
        return WebhookTargetSettings()

    @cached_property
    def s3(self) -> S3Settings:
        return S3Settings()

    @cached_property
    def smtp(self) -> SmtpSettings:
        return SmtpSettings()

    @cached_property
    def public(self) -> PublicSettings:
        return PublicSettings()
