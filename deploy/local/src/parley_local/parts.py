"""What the world consists of: one table, like a Compose file, in order of start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from sys import executable

from parley_local.installing import HERE
from parley_local.secrets import Secrets
from parley_local.settings import Places, Ports

HOST = "127.0.0.1"
BUCKET = "parley-recordings"
PROVISION = "provision"
"""The job that declares queues and indexes: what consumes starts after it, what only publishes does not wait."""

PROVISIONED = ("rabbitmq", "mongodb")


@dataclass(frozen=True)
class Part:
    """One process: how it starts, what it needs before, and how it shows that it is ready."""

    name: str
    title: str
    command: tuple[str, ...]
    ports: Mapping[str, int]
    """By the environment variable that moves it."""

    ready: str
    """An http URL that answers 2xx, or tcp:PORT."""

    udp_ports: Mapping[str, int] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """All that it sees: servers start with a clean one, services with the operator's."""

    stop_signal: str = "TERM"
    stop_seconds: int = 15
    address: str | None = None


SERVERS = ("redis", "rabbitmq", "documentdb", "mongodb", "s3", "livekit")
INFRASTRUCTURE = ("rabbitmq", "documentdb", "mongodb", "s3")
SERVICES = ("api", "dialer", "agent", "recorder", "webhooks")


def parts(
    ports: Ports, places: Places, state: Path, secrets: Secrets, services_environment: Mapping[str, str]
) -> list[Part]:
    """Return every part of a world, in an order in which each comes after what it needs."""
    return [*_servers(ports, places, state, secrets), *_services(ports, services_environment)]


def _servers(ports: Ports, places: Places, state: Path, secrets: Secrets) -> list[Part]:
    rabbit = state / "rabbitmq"
    return [
        Part(
            "redis",
            "Redis",
            (
                "/usr/bin/redis-server",
                "--port",
                str(ports.redis_port),
                "--bind",
                HOST,
                "--dir",
                str(state / "redis"),
                "--appendonly",
                "yes",
                "--set-proc-title",
                "no",  # a title is written over the environment, by which the process is found
            ),
            {"REDIS_PORT": ports.redis_port},
            f"tcp:{ports.redis_port}",
        ),
        Part(
            "rabbitmq",
            "RabbitMQ",
            ("/usr/lib/rabbitmq/bin/rabbitmq-server",),
            {
                "RABBITMQ_PORT": ports.rabbitmq_port,
                "RABBITMQ_MANAGEMENT_PORT": ports.rabbitmq_management_port,
                "RABBITMQ_DISTRIBUTION_PORT": ports.rabbitmq_distribution_port,
                "EPMD_PORT": ports.epmd_port,
            },
            f"http://guest:guest@{HOST}:{ports.rabbitmq_management_port}/api/health/checks/alarms",
            environment={
                "PATH": "/usr/lib/rabbitmq/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "HOME": str(rabbit),
                "RUNNING_UNDER_SYSTEMD": "true",  # no shell around the server that could end before it
                "RABBITMQ_NODENAME": f"parley{ports.rabbitmq_port}@localhost",
                "RABBITMQ_MNESIA_BASE": str(rabbit / "mnesia"),
                "RABBITMQ_LOG_BASE": str(rabbit / "log"),
                "RABBITMQ_PID_FILE": str(rabbit / "pid"),
                "RABBITMQ_CONFIG_FILE": str(rabbit / "rabbitmq"),
                "RABBITMQ_CONF_ENV_FILE": str(rabbit / "rabbitmq-env.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(rabbit / "enabled_plugins"),
                "RABBITMQ_DIST_PORT": str(ports.rabbitmq_distribution_port),
                "ERL_EPMD_PORT": str(ports.epmd_port),
                "ERL_EPMD_ADDRESS": HOST,
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            },
            stop_seconds=30,
            address=f"http://{HOST}:{ports.rabbitmq_management_port} (guest / guest)",
        ),
        Part(
            "documentdb",
            "Database engine",
            (
                "/bin/bash",
                str(HERE / "engine" / "run.sh"),
                str(places.engine),
                str(state / "documentdb"),
                str(ports.documentdb_port),
            ),
            {"DOCUMENTDB_PORT": ports.documentdb_port},
            f"tcp:{ports.documentdb_port}",
            environment={"PATH": "/usr/bin:/bin", "PGFSYNC": "on" if state.name == "default" else "off"},
            stop_signal="INT",
        ),
        Part(
            "mongodb",
            "MongoDB-compatible database",
            (
                str(places.tools / "ferretdb"),
                "--no-auth",
                f"--listen-addr={HOST}:{ports.mongodb_port}",
                "--debug-addr=-",
                f"--state-dir={state / 'mongodb'}",
                "--log-level=WARN",
                f"--postgresql-url=postgres://postgres@{HOST}:{ports.documentdb_port}/postgres?sslmode=disable&pool_max_conns=4",
            ),
            {"MONGODB_PORT": ports.mongodb_port},
            f"tcp:{ports.mongodb_port}",
            needs=("documentdb",),
            environment={"DO_NOT_TRACK": "1", "FERRETDB_TELEMETRY": "disable"},
            address=f"mongodb://{HOST}:{ports.mongodb_port}",
        ),
        Part(
            "s3",
            "S3 store",
            (
                str(places.tools / "versitygw"),
                "--port",
                f"{HOST}:{ports.s3_port}",
                "--region",
                "us-east-1",
                "--health",
                "/health",
                "--quiet",
                "posix",
                str(state / "s3"),
            ),
            {"S3_PORT": ports.s3_port},
            f"http://{HOST}:{ports.s3_port}/health",
            environment={"ROOT_ACCESS_KEY": secrets.s3_access_key, "ROOT_SECRET_KEY": secrets.s3_secret_key},
            address=f"http://{HOST}:{ports.s3_port}/{BUCKET}",
        ),
        Part(
            "livekit",
            "LiveKit server",
            (str(places.tools / "server"), "--config", str(state / "livekit.yaml")),
            {"LIVEKIT_PORT": ports.livekit_port, "LIVEKIT_TCP_PORT": ports.livekit_tcp_port},
            f"http://{HOST}:{ports.livekit_port}",
            udp_ports={"LIVEKIT_UDP_PORT": ports.livekit_udp_port},
            needs=("redis",),
            stop_seconds=3,  # it waits until its rooms are empty
            address=f"ws://{HOST}:{ports.livekit_port}",
        ),
    ]


def _services(ports: Ports, environment: Mapping[str, str]) -> list[Part]:
    def service(name: str, port: int, variable: str, needs: tuple[str, ...], address: str | None = None) -> Part:
        return Part(
            name,
            name,
            (executable, "-m", f"parley_{name}"),
            {variable: port},
            f"http://{HOST}:{port}/ready",
            needs=needs,
            environment={**environment, "PORT": str(port), "SANDBOX_PORT": str(ports.sandbox_port)},
            stop_seconds=60,
            address=address,
        )

    return [
        service(
            "sandbox", ports.sandbox_port, "SANDBOX_PORT", ("livekit", "s3"), f"http://{HOST}:{ports.sandbox_port}"
        ),
        service("agent", ports.agent_port, "AGENT_PORT", ("mongodb", "livekit", "sandbox")),
        service("api", ports.port, "PORT", (PROVISION, "livekit"), f"http://{HOST}:{ports.port}/docs"),
        service("dialer", ports.dialer_port, "DIALER_PORT", (PROVISION, "livekit", "sandbox")),
        service("recorder", ports.recorder_port, "RECORDER_PORT", (PROVISION, "s3", "sandbox")),
        service("webhooks", ports.webhooks_port, "WEBHOOKS_PORT", (PROVISION,)),
    ]
