"""What the operator sets reaches the services: servers in place of the world's own, their keys, and all the rest."""

from pathlib import Path

import pytest

from parley_local.world import World
from tests.support.deployment import SETTINGS, names

SERVERS = {
    "RABBITMQ_URL": ("amqp://ada:pass@broker.example.com/", {"rabbitmq"}),
    "MONGODB_URL": ("mongodb://db.example.com", {"documentdb", "mongodb"}),
    "LIVEKIT_URL": ("wss://livekit.example.com", {"redis", "livekit"}),
    "LIVEKIT_SERVER_URL": ("https://livekit.example.com", {"redis", "livekit"}),
    "S3_ENDPOINT_URL": ("https://s3.example.com", {"s3"}),
    "OPENAI_BASE_URL": ("https://openai.example.com/v1", set[str]()),
    "CARTESIA_BASE_URL": ("https://cartesia.example.com", set[str]()),
    "SARVAM_BASE_URL": ("https://sarvam.example.com", set[str]()),
}
KEYS = {
    "RABBITMQ_MANAGEMENT_URL": "RABBITMQ_URL",
    "DATABASE_NAME": "MONGODB_URL",
    "LIVEKIT_API_KEY": "LIVEKIT_URL",
    "LIVEKIT_API_SECRET": "LIVEKIT_URL",
    "AWS_ACCESS_KEY_ID": "S3_ENDPOINT_URL",
    "AWS_SECRET_ACCESS_KEY": "S3_ENDPOINT_URL",
    "AWS_REGION": "S3_ENDPOINT_URL",
    "S3_BUCKET_NAME": "S3_ENDPOINT_URL",
    "OPENAI_API_KEY": "OPENAI_BASE_URL",
    "CARTESIA_API_KEY": "CARTESIA_BASE_URL",
    "SARVAM_API_KEY": "SARVAM_BASE_URL",
}
MAIL = ("SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_PASSWORD", "FROM_EMAIL", "FROM_NAME")
OTHERS = ("BACKEND_URL", "PARLEY_SECRET_KEY", "WEBHOOK_ALLOWED_NETWORKS", "API_SIGNUP_TOKEN")


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Somebody who has set nothing yet."""
    for name in {*SERVERS, *KEYS, *MAIL, *OTHERS, "PORT", "DIALER_PORT"}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PARLEY_CACHE", str(tmp_path))
    return monkeypatch


def told(world: World, name: str) -> set[str | None]:
    """Return what the services are told that read this name."""
    readers = {service for service in SETTINGS if name in names(service)}
    assert readers, name
    return {world.parts[service].environment.get(name) for service in readers}


@pytest.mark.parametrize("name", SERVERS)
def test_server_of_the_operator_is_used_and_none_is_started(name: str, operator: pytest.MonkeyPatch) -> None:
    own = World()
    url, replaced = SERVERS[name]
    operator.setenv(name, url)
    world = World()
    assert world.environment()[name] == url
    assert told(world, name) == {url}
    assert own.parts.keys() - world.parts.keys() == replaced


@pytest.mark.parametrize("name", KEYS)
def test_key_reaches_the_services_with_the_server_that_it_opens(name: str, operator: pytest.MonkeyPatch) -> None:
    operator.setenv(KEYS[name], SERVERS[KEYS[name]][0])
    operator.setenv(name, "the-operators")
    assert told(World(), name) == {"the-operators"}


@pytest.mark.parametrize("name", KEYS)
def test_key_is_kept_from_a_server_that_is_not_the_operators(name: str, operator: pytest.MonkeyPatch) -> None:
    own = told(World(), name)
    operator.setenv(name, "the-operators")
    assert told(World(), name) == own


@pytest.mark.parametrize("name", [*MAIL, *OTHERS])
def test_what_belongs_to_no_server_reaches_the_services(name: str, operator: pytest.MonkeyPatch) -> None:
    operator.setenv(name, "the-operators")
    assert told(World(), name) == {"the-operators"}


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ("wss://livekit.example.com", "https://livekit.example.com"),
        ("ws://10.0.0.7:7880", "http://10.0.0.7:7880"),
        ("https://ws.example.com", "https://ws.example.com"),
    ],
)
def test_sandbox_reaches_the_livekit_server_of_the_operator(
    given: str, reached: str, operator: pytest.MonkeyPatch
) -> None:
    operator.setenv("LIVEKIT_URL", given)
    assert told(World(), "LIVEKIT_SERVER_URL") == {reached}


def test_sandbox_plays_phones_in_front_of_a_server_that_is_given_as_its_own(operator: pytest.MonkeyPatch) -> None:
    operator.setenv("LIVEKIT_SERVER_URL", "https://livekit.example.com")
    operator.setenv("LIVEKIT_API_KEY", "the-operators")
    world = World()
    assert told(world, "LIVEKIT_URL") == {f"ws://127.0.0.1:{world.ports.sandbox_port}"}
    assert told(world, "LIVEKIT_API_KEY") == {"the-operators"}


def test_management_of_a_broker_of_the_operator_follows_from_its_url(operator: pytest.MonkeyPatch) -> None:
    operator.setenv("RABBITMQ_URL", "amqp://ada:pass@broker.example.com/")
    assert told(World(), "RABBITMQ_MANAGEMENT_URL") == {""}


def test_port_moves_the_api_and_what_leads_to_it(operator: pytest.MonkeyPatch) -> None:
    operator.setenv("PORT", "9123")
    api = World().parts["api"]
    assert api.environment["PORT"] == "9123"
    assert api.environment["BACKEND_URL"] == "http://127.0.0.1:9123"


def test_port_of_one_service_is_told_to_no_other(operator: pytest.MonkeyPatch) -> None:
    operator.setenv("DIALER_PORT", "9124")
    world = World()
    assert world.parts["dialer"].environment["PORT"] == "9124"
    assert "DIALER_PORT" not in world.parts["api"].environment


@pytest.mark.parametrize("name", [*SERVERS, *KEYS, "BACKEND_URL", "PARLEY_SECRET_KEY"])
def test_world_with_a_name_keeps_to_its_own(name: str, operator: pytest.MonkeyPatch) -> None:
    own = World("another")
    operator.setenv(name, "wss://the-operators.example.com")
    world = World("another")
    assert told(world, name) == told(own, name)
    assert world.parts.keys() == own.parts.keys()
