"""What the sandbox needs from its environment."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SandboxSettings(BaseSettings):
    """Where the sandbox listens and which real servers stand behind it."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore", env_ignore_empty=True)

    host: str = "0.0.0.0"  # noqa: S104  # a container listens on all its interfaces
    sandbox_port: int = 8090
    livekit_server_url: str = "http://localhost:7880"
    livekit_webhook_url: str = "http://localhost:8000/livekit/webhook"
    livekit_api_key: str
    livekit_api_secret: SecretStr
    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_region: str = "us-east-1"
    s3_bucket_name: str = "parley-recordings"
    s3_endpoint_url: str | None = None

    @property
    def secret(self) -> str:
        return self.livekit_api_secret.get_secret_value()

    @property
    def livekit_websocket_url(self) -> str:
        return self.livekit_server_url.replace("http", "ws", 1)
