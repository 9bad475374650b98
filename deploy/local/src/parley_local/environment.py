"""What the services of a world read: where its servers are, and what the operator set."""

import os
import re

from parley_local.parts import BUCKET, HOST
from parley_local.secrets import Secrets
from parley_local.settings import Ports

_OF_A_TERMINAL = frozenset({"_", "SHLVL", "PWD", "OLDPWD", "TERM", "COLUMNS", "LINES"})
"""They differ from one terminal to the next and mean nothing to a service; no part is started again because of them."""

_OF_THE_WORLD = frozenset(name.upper() for name in Ports.model_fields)
"""They move the world's parts; each service is told its port under the name that it reads."""

_OPERATORS = frozenset({"BACKEND_URL", "PARLEY_SECRET_KEY", "WEBHOOK_ALLOWED_NETWORKS"})
_GO_WITH = {
    "RABBITMQ_URL": {"RABBITMQ_MANAGEMENT_URL"},
    "MONGODB_URL": {"DATABASE_NAME"},
    "LIVEKIT_URL": {"LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"},
    "LIVEKIT_SERVER_URL": {"LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"},
    "S3_ENDPOINT_URL": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "S3_BUCKET_NAME"},
    "OPENAI_BASE_URL": {"OPENAI_API_KEY"},
    "CARTESIA_BASE_URL": {"CARTESIA_API_KEY"},
    "SARVAM_BASE_URL": {"SARVAM_API_KEY"},
}
"""What belongs to a server: taken from the operator when the server is the operator's, and not otherwise."""


def own(ports: Ports, secrets: Secrets) -> dict[str, str]:
    """Return what leads to a world's own servers; the sandbox stands in front of LiveKit."""
    sandbox = f"http://{HOST}:{ports.sandbox_port}"
    return {
        "HOST": HOST,
        "RABBITMQ_URL": f"amqp://guest:guest@{HOST}:{ports.rabbitmq_port}/",
        "RABBITMQ_MANAGEMENT_URL": f"http://guest:guest@{HOST}:{ports.rabbitmq_management_port}/",
        "MONGODB_URL": f"mongodb://{HOST}:{ports.mongodb_port}",
        "DATABASE_NAME": "parley",
        "LIVEKIT_URL": sandbox.replace("http", "ws", 1),
        "LIVEKIT_API_KEY": secrets.livekit_api_key,
        "LIVEKIT_API_SECRET": secrets.livekit_api_secret,
        "LIVEKIT_SERVER_URL": f"http://{HOST}:{ports.livekit_port}",
        "LIVEKIT_WEBHOOK_URL": f"http://{HOST}:{ports.port}/livekit/webhook",
        "OPENAI_API_KEY": "sandbox",
        "OPENAI_BASE_URL": f"{sandbox}/openai/v1",
        "CARTESIA_API_KEY": "sandbox",
        "CARTESIA_BASE_URL": f"{sandbox}/cartesia",
        "SARVAM_API_KEY": "sandbox",
        "SARVAM_BASE_URL": f"{sandbox}/sarvam",
        "AWS_ACCESS_KEY_ID": secrets.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key,
        "AWS_REGION": "us-east-1",
        "S3_BUCKET_NAME": BUCKET,
        "S3_ENDPOINT_URL": f"http://{HOST}:{ports.s3_port}",
        "PARLEY_SECRET_KEY": secrets.parley_secret_key,
        "BACKEND_URL": f"http://{HOST}:{ports.port}",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }


def given(external: dict[str, str]) -> dict[str, str]:
    """Return what the operator has set in place of the world's own; `external` holds the URLs of servers.

    With a LiveKit server the operator brings real phones: services reach it directly, and so does the sandbox, which
    goes on playing what else is not given.
    """
    names = _OPERATORS.union(*(_GO_WITH[url] for url in external))
    chosen = {name: value for name, value in inherited().items() if name in names and value}
    if "RABBITMQ_URL" in external:
        chosen.setdefault("RABBITMQ_MANAGEMENT_URL", "")  # it follows from RABBITMQ_URL
    if "LIVEKIT_URL" in external:
        chosen["LIVEKIT_SERVER_URL"] = re.sub("^ws", "http", external["LIVEKIT_URL"])
    return chosen | external


def inherited() -> dict[str, str]:
    """Return what of the operator's environment every service sees, mail and limits for example."""
    everything = dict(os.environ)  # noqa: TID251  # services see what the operator set
    return {
        name: value
        for name, value in everything.items()
        if name not in _OF_A_TERMINAL | _OF_THE_WORLD
        and not name.startswith(("SUPERVISOR_", "PYTEST_"))
        and name.isidentifier()
    }
