"""One trace follows a call from the customer's request through the broker to whoever hears of it."""

import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from parley_local.world import World
from tests.processes import service
from tests.support.collector import Collector, collecting
from tests.support.customer import CARTESIA, TRUNK


@pytest.fixture
async def traced(
    world: World, environment: dict[str, str], unused_tcp_port_factory: Callable[[], int], tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Collector]]:
    """An api and a dialer of our own that tell a collector what they do."""
    port = unused_tcp_port_factory()
    telling = environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    async with (
        collecting(port) as collector,
        service("parley_api", telling, unused_tcp_port_factory(), tmp_path / "api.log") as api,
        service("parley_dialer", telling, unused_tcp_port_factory(), tmp_path / "dialer.log"),
        httpx.AsyncClient(base_url=api.url, timeout=20, trust_env=False) as http,
    ):
        yield http, collector


async def test_trace_of_the_customers_request_reaches_the_dialer(
    traced: tuple[httpx.AsyncClient, Collector],
) -> None:
    http, collector = traced

    async def post(path: str, body: dict[str, object], **headers: str) -> dict[str, str]:
        answer = await http.post(path, json=body, headers=headers)
        answer.raise_for_status()
        data: dict[str, str] = answer.json()["data"]
        return data

    key = await post("/auth/create-key", {"user_name": "Ada", "user_email": "ada@example.com"})
    http.headers["x-api-key"] = key["api_key"]
    said = {"assistant_name": "Support Agent", "assistant_description": "Helps.", "assistant_prompt": "Help."}
    assistant = await post("/assistant/create", {**said, **CARTESIA})
    trunk = await post("/sip/create-outbound-trunk", dict(TRUNK))
    call = {
        "assistant_id": assistant["assistant_id"],
        "trunk_id": trunk["trunk_id"],
        "to_number": "+15550000200",
        "call_service": "twilio",
    }
    trace_id = secrets.token_hex(16)
    await post("/call/outbound", dict(call), traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    await collector.until_seen({"api", "dialer"}, trace_id)
