"""The trace of a call does not end where its conversation begins."""

import asyncio
import multiprocessing
import os
import secrets

import pytest

from parley_common import telemetry
from parley_common.settings import TelemetrySettings
from tests.support.collector import collecting


def hold_call(endpoint: str, trace_id: str) -> None:
    """Trace one call, and end as a forked process does: at once, without exit handlers."""
    telemetry.configure("agent", TelemetrySettings(otel_exporter_otlp_endpoint=endpoint))
    with telemetry.span("conversation", "call_1", {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}):
        pass
    asyncio.run(telemetry.flush())
    os._exit(0)


async def test_span_of_a_conversation_is_told_before_its_process_ends(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    endpoint = f"http://127.0.0.1:{unused_tcp_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    trace_id = secrets.token_hex(16)
    async with collecting(unused_tcp_port) as collector:
        process = multiprocessing.get_context("spawn").Process(target=hold_call, args=(endpoint, trace_id))
        process.start()
        await collector.until_seen({"agent"}, trace_id)
        await asyncio.to_thread(process.join)
