"""Blocks of settings that several services need; each service composes just what it uses.

The environment is read here and in the services' `settings.py`, once, at start; what is missing is named.
"""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AmqpDsn, BeforeValidator, MongoDsn, SecretStr, UrlConstraints
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Mongo = Annotated[MongoDsn, UrlConstraints(host_required=True)]


def _listed(value: object) -> object:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_listed)]


class Block(BaseSettings):
    """A group of environment variables that belong together."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore", env_ignore_empty=True)


class HttpSettings(Block):
    """Where the process listens; each service serves /health, /ready and /metrics there."""

    host: str = "0.0.0.0"  # noqa: S104  # a container listens on all its interfaces
    port: int = 8000


class PublicSettings(Block):
    """Where clients reach the api; links in messages start with it."""

    backend_url: str = "http://localhost:8000"


class RabbitSettings(Block):
    """The message broker."""

    rabbitmq_url: AmqpDsn = AmqpDsn("amqp://guest:guest@localhost:5672/")


class MongoSettings(Block):
    """The database."""

    mongodb_url: Mongo = MongoDsn("mongodb://localhost:27017")
    database_name: str = "parley"


class LiveKitSettings(Block):
    """The LiveKit server and the name under which agents register there."""

    livekit_url: str = "ws://localhost:7880"
    livekit_api_key: str
    livekit_api_secret: SecretStr
    livekit_agent_name: str = "parley"


class S3Settings(Block):
    """Where recordings are kept: AWS, or any store that speaks S3 when `s3_endpoint_url` is set."""

    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_region: str = "us-east-1"
    s3_bucket_name: str = "parley-recordings"
    s3_endpoint_url: str | None = None


class OpenAISettings(Block):
    """The provider of the models that hold conversations and draw conclusions; the address may be a proxy's."""

    openai_api_key: SecretStr
    openai_base_url: str = "https://api.openai.com/v1"


class SecretSettings(Block):
    """The key that opens stored secrets: 32 random bytes, base64."""

    parley_secret_key: SecretStr


class WebhookTargetSettings(Block):
    """Networks besides the public internet that customers' URLs may lead to; for development."""

    webhook_allowed_networks: Networks = ()


class SmtpSettings(Block):
    """Where notices to key owners are handed over; without a host there are none."""

    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    from_email: str = "parley@localhost"
    from_name: str = "Parley"


class TelemetrySettings(Block):
    """Traces leave when an OTLP endpoint is configured, by OpenTelemetry's own variable."""

    otel_exporter_otlp_endpoint: str | None = None
    log_level: str = "INFO"


class CallTimes(Block):
    """How long a call may stay in each state before the dialer's reconciler looks at it."""

    model_config = SettingsConfigDict(env_prefix="CALL_")

    agent_ready_timeout: timedelta = timedelta(seconds=10)
    dial_grace: timedelta = timedelta(seconds=20)
    agent_lease: timedelta = timedelta(seconds=30)
    """An agent in a conversation renews its call's deadline; silent for so long, it is looked for."""

    takeover_timeout: timedelta = timedelta(seconds=5)
    """When no other agent has come after so long, one is sent for again."""

    takeover_patience: timedelta = timedelta(seconds=20)
    """So long a conversation may be without an agent before it is given up."""

    queue_lifetime: timedelta = timedelta(hours=1)
