"""What stands in deploy/, and what the services read."""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic_settings import BaseSettings

from parley_agent.settings import AgentSettings
from parley_api.settings import ApiSettings
from parley_common.settings import HttpSettings, TelemetrySettings
from parley_dialer.settings import DialerSettings
from parley_recorder.settings import RecorderSettings
from parley_sandbox.settings import SandboxSettings
from parley_webhooks.settings import WebhooksSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE_TEXT = (DEPLOY / "compose.yml").read_text(encoding="utf-8")
CONTAINERS: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE_TEXT)["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (DEPLOY / ".env.example").read_text(encoding="utf-8")

SETTINGS: dict[str, type[BaseSettings]] = {
    "api": ApiSettings,
    "dialer": DialerSettings,
    "agent": AgentSettings,
    "recorder": RecorderSettings,
    "webhooks": WebhooksSettings,
    "sandbox": SandboxSettings,
}
LISTENING = {"HOST", "PORT", "SANDBOX_PORT"}
"""Where a process listens: the image says it."""


def blocks(service: str) -> Iterator[type[BaseSettings]]:
    """Yield every group of settings that a service reads."""
    settings = SETTINGS[service]
    yield settings
    for member in vars(settings).values():
        if isinstance(member, cached_property):
            yield get_type_hints(member.func)["return"]
    if service != "sandbox":
        yield from (HttpSettings, TelemetrySettings)


def variables(block: type[BaseSettings]) -> dict[str, str]:
    """Return the fields of one group by the names of their environment variables."""
    prefix = block.model_config.get("env_prefix", "")
    return {f"{prefix}{field}".upper(): field for field in block.model_fields}


def names(service: str) -> set[str]:
    return {name for block in blocks(service) for name in variables(block)}


def instruction(name: str) -> list[str]:
    """Return the words of CMD or HEALTHCHECK in the Dockerfile."""
    found = re.search(rf"^{name} (?:.*\\\n\s*CMD )?(\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found, name
    return list(json.loads(found[1]))
