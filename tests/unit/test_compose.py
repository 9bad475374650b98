"""The Compose file keeps its promises; `make check` has Docker Compose itself read it, where there is one."""

import re
from datetime import timedelta
from typing import Any

import pytest
import yaml

from parley_agent.settings import AgentSettings
from parley_local.installing import GO
from parley_local.parts import SERVICES
from tests.support.deployment import CONTAINERS, DEPLOY, DOCKERFILE, LISTENING, names

SCALED = SERVICES
ONE_SHOTS = {"provision"}
SERVERS = sorted(name for name, container in CONTAINERS.items() if "image" in container)
BUILT = sorted(name for name, container in CONTAINERS.items() if "build" in container)
RUNNING = sorted(CONTAINERS.keys() - ONE_SHOTS)


def filled_in(text: str) -> str:
    """Give every variable its own name as its value."""
    return re.sub(r"\$\{(\w+)[^{}]*\}", r"\1", text)


def seconds(duration: str) -> int:
    amount, unit = int(duration[:-1]), duration[-1]
    return amount * {"s": 1, "m": 60}[unit]


def config_of(container: str) -> dict[str, Any]:
    """Parse the configuration that LiveKit, its SIP and its egress servers get in a variable."""
    (body,) = [v for k, v in CONTAINERS[container]["environment"].items() if k.endswith(("CONFIG", "CONFIG_BODY"))]
    parsed: dict[str, Any] = yaml.safe_load(filled_in(body))
    return parsed


def test_all_services_run_and_the_sandbox_only_in_its_profile() -> None:
    assert {*SCALED, *ONE_SHOTS, "sandbox"} == set(BUILT)
    assert {name for name, container in CONTAINERS.items() if "profiles" in container} == {"sandbox", "s3"}
    assert CONTAINERS["sandbox"]["profiles"] == CONTAINERS["s3"]["profiles"] == ["sandbox"]


@pytest.mark.parametrize("name", SERVERS)
def test_image_is_pinned_to_an_exact_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?", CONTAINERS[name]["image"])


def test_base_image_and_installer_are_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", bases[0])
    assert set(bases[1:]) == {"python"}
    bootstrap = (DEPLOY / "local" / "bootstrap.sh").read_text(encoding="utf-8")
    assert re.findall(r"uv==[\d.]+", DOCKERFILE) == re.findall(r"uv==[\d.]+", bootstrap)


def test_same_versions_run_here_and_in_the_local_world() -> None:
    assert CONTAINERS["livekit"]["image"].partition(":")[2] == GO["server"].partition("@")[2]
    assert CONTAINERS["s3"]["image"].partition(":")[2] == GO["versitygw"].partition("@")[2]


@pytest.mark.parametrize("name", RUNNING)
def test_container_is_watched_and_started_again(name: str) -> None:
    assert CONTAINERS[name]["healthcheck"]["test"][0] == "CMD"
    assert CONTAINERS[name]["restart"] == "unless-stopped"


def test_provision_is_repeated_until_it_succeeds() -> None:
    assert CONTAINERS["provision"]["restart"] == "on-failure"


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_container_has_no_root_and_gains_no_privilege(name: str) -> None:
    assert CONTAINERS[name]["user"].partition(":")[0] not in {"", "0", "root"}
    assert CONTAINERS[name]["cap_drop"] == ["ALL"]
    assert CONTAINERS[name]["security_opt"] == ["no-new-privileges:true"]


def test_image_runs_as_the_user_that_compose_names() -> None:
    (user,) = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert {CONTAINERS[name]["user"] for name in BUILT} == {user}


@pytest.mark.parametrize("name", BUILT)
def test_service_writes_to_memory_only(name: str) -> None:
    assert CONTAINERS[name]["read_only"] is True
    assert CONTAINERS[name]["tmpfs"] == ["/tmp"]  # noqa: S108  # inside the container


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_no_secret_stands_in_the_file(name: str) -> None:
    environment = CONTAINERS[name].get("environment") or {}
    told = "\n".join(f"{variable}: {value or ''}" for variable, value in environment.items())
    secrets = re.findall(r"^\s*(\w*(?:KEY|SECRET|PASS|PASSWORD|TOKEN)): (.*)$", told, re.IGNORECASE | re.MULTILINE)
    assert [key for key, value in secrets if not re.fullmatch(r'"?(\$\{.*\})?"?', value)] == []
    assert not re.search(r"://\w+:(?!\$\{)[^/@]+@", told)


@pytest.mark.parametrize(
    "secret", ["MONGODB_PASSWORD", "RABBITMQ_PASSWORD", "LIVEKIT_API_SECRET", "PARLEY_SECRET_KEY", "OPENAI_API_KEY"]
)
def test_missing_secret_is_named_with_what_to_do(secret: str) -> None:
    text = yaml.safe_dump(CONTAINERS)
    assert re.search(rf"\$\{{{secret}:\?is missing, [^}}]*deploy/\.env", text)


@pytest.mark.parametrize("name", SCALED)
def test_service_can_be_scaled(name: str) -> None:
    assert not CONTAINERS[name].keys() & {"container_name", "hostname", "ports", "volumes", "network_mode"}


def test_front_leads_to_every_replica_of_the_api() -> None:
    assert CONTAINERS["front"]["ports"] == ["${PORT:-8000}:8000"]
    config = (DEPLOY / "config" / "haproxy.cfg").read_text(encoding="utf-8")
    assert re.search(r"server-template api- \d\d api:8000 check .* resolvers docker", config)


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_start_waits_for_health_and_for_nothing_outside_the_profile(name: str) -> None:
    for needed, how in CONTAINERS[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if needed in ONE_SHOTS else "service_healthy"
        assert how["condition"] == wanted
        if "profiles" in CONTAINERS[needed] and "profiles" not in CONTAINERS[name]:
            assert how["required"] is False


@pytest.mark.parametrize("name", SCALED)
def test_service_starts_on_provisioned_servers(name: str) -> None:
    assert {"provision", "rabbitmq", "mongodb", "livekit", "sandbox"} <= CONTAINERS[name]["depends_on"].keys()


@pytest.mark.parametrize("name", [*SCALED, "sandbox"])
def test_service_gets_each_variable_that_it_reads_and_no_other(name: str) -> None:
    given = set(CONTAINERS[name]["environment"])
    assert given - {"FORWARDED_ALLOW_IPS"} == names(name) - LISTENING


def test_conversations_end_by_themselves_before_a_container_is_killed() -> None:
    drain = timedelta(seconds=AgentSettings.model_fields["drain_timeout_seconds"].default)
    for name in ("agent", "livekit", "sip", "egress"):
        assert timedelta(seconds=seconds(CONTAINERS[name]["stop_grace_period"])) > drain


@pytest.mark.parametrize("name", sorted(set(SCALED) - {"agent"}))
def test_deliveries_in_work_end_before_a_container_is_killed(name: str) -> None:
    assert seconds(CONTAINERS[name]["stop_grace_period"]) >= 60


def test_livekit_sip_and_egress_meet_in_one_redis_with_one_key() -> None:
    livekit, sip, egress = config_of("livekit"), config_of("sip"), config_of("egress")
    assert livekit["redis"] == sip["redis"] == egress["redis"] == {"address": "redis:6379"}
    assert livekit["keys"] == {"LIVEKIT_API_KEY": "LIVEKIT_API_SECRET"}
    assert livekit["webhook"]["api_key"] == "LIVEKIT_API_KEY"
    for client in (sip, egress):
        assert (client["api_key"], client["api_secret"]) == ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
        assert client["ws_url"] == f"ws://livekit:{livekit['port']}"


def test_ports_of_phone_calls_are_published() -> None:
    sip = config_of("sip")
    published = {port.partition("/")[0] for port in CONTAINERS["sip"]["ports"]}
    assert published == {f"{port}:{port}" for port in (sip["sip_port"], sip["rtp_port"])}


def test_egress_uploads_to_the_bucket_that_the_recorder_looks_into() -> None:
    assert config_of("egress")["storage"]["s3"] == {
        "access_key": "AWS_ACCESS_KEY_ID",
        "secret": "AWS_SECRET_ACCESS_KEY",
        "region": "AWS_REGION",
        "bucket": "S3_BUCKET_NAME",
        "endpoint": "S3_ENDPOINT_URL",
        "force_path_style": "S3_ENDPOINT_URL",
    }
