"""The api as it is started: what it reads from its environment does what its name says."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import httpx
import pytest

from parley_common.db import Database
from parley_local.world import World
from tests.processes import service
from tests.support.envelope import data_of

ADA = {"user_name": "Ada", "user_email": "ada@example.com"}


@pytest.fixture
def livekit(infrastructure: World) -> World:
    """LiveKit too: an api is ready only with it."""
    infrastructure.up({"redis", "livekit", "sandbox"})
    return infrastructure


async def test_api_serves_at_its_port_from_its_database_and_logs_every_request_with_its_id(
    livekit: World, environment: dict[str, str], database: Database, unused_tcp_port: int, tmp_path: Path
) -> None:
    log = tmp_path / "api.log"
    async with service("parley_api", environment, unused_tcp_port, log) as running, httpx.AsyncClient() as http:
        response = await http.post(f"{running.url}/auth/create-key", json=ADA)
        key = data_of(response)["api_key"]
        assert running.url.endswith(f":{unused_tcp_port}")
    assert await database.get_collection("accounts").count_documents({"user_email": ADA["user_email"]}) == 1
    told = log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in told.splitlines()]
    (line,) = [one for one in lines if one["event"] == "request"]
    assert (line["request_id"], line["status"]) == (response.headers["x-request-id"], 200)
    assert key not in told
    assert ADA["user_email"] not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVEKIT_API_KEY", ""),
        ("PARLEY_SECRET_KEY", "canary"),
        ("MONGODB_URL", "canary"),
        ("RABBITMQ_URL", "canary"),
        ("PORT", "canary"),
    ],
)
async def test_api_does_not_start_without_what_it_needs_and_names_it(
    environment: dict[str, str], name: str, value: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "parley_api", env=environment | {name: value}, stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode != 0
    assert name.lower() in output.decode().lower()
    assert "canary" not in output.decode()
