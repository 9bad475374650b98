"""Where the local world lives, on which ports, and which parts the operator brings along."""

import os
from functools import cached_property
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Ports(BaseSettings):
    """One port for each part; each is moved by the environment variable of its name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    port: int = 8000
    dialer_port: int = 8001
    agent_port: int = 8002
    recorder_port: int = 8003
    webhooks_port: int = 8004
    sandbox_port: int = 8090
    rabbitmq_port: int = 5672
    rabbitmq_management_port: int = 15672
    rabbitmq_distribution_port: int = 25672
    epmd_port: int = 25673
    livekit_port: int = 7880
    livekit_tcp_port: int = 7881
    livekit_udp_port: int = 7882
    mongodb_port: int = 27017
    documentdb_port: int = 27018
    s3_port: int = 9000
    redis_port: int = 6379

    def shifted(self, offset: int) -> "Ports":
        return Ports.model_construct(**{name: port + offset for name, port in self.model_dump().items()})


class External(BaseSettings):
    """Servers that the operator runs; the world starts none of its own for them."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    rabbitmq_url: str | None = None
    mongodb_url: str | None = None
    livekit_url: str | None = None
    livekit_server_url: str | None = None
    """The server behind the sandbox, which goes on playing phones; with `livekit_url` phones are real."""

    s3_endpoint_url: str | None = None
    openai_base_url: str | None = None
    cartesia_base_url: str | None = None
    sarvam_base_url: str | None = None

    def given(self) -> dict[str, str]:
        """Return what is set, by the name of its variable."""
        return {name.upper(): value for name, value in self.model_dump().items() if value}


def _default_cache() -> Path:
    return Path("/var/cache/parley") if os.geteuid() == 0 else Path.home() / ".cache" / "parley"


class Places(BaseSettings):
    """Folders outside the checkout: `cache` holds tools, each world its data, logs and secrets."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_", frozen=True, extra="ignore", env_ignore_empty=True)

    cache: Path = Field(default_factory=_default_cache)

    @cached_property
    def tools(self) -> Path:
        return self.cache / "bin"

    @cached_property
    def engine(self) -> Path:
        return self.cache / "docdb"

    def world(self, name: str) -> Path:
        return self.cache / "worlds" / name
