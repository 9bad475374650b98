"""What every worker does without saying so: it tells its health, counts, logs, and stops without losing work."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from faststream.rabbit import RabbitBroker
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from parley_common.broker import publish_event
from parley_common.events import CallRequested
from parley_common.settings import RabbitSettings
from tests import factories
from tests.processes import Service, service
from tests.support.cable import Cable, cable

DEADLINE_SECONDS = 30.0
ROOT = Path(__file__).parents[2]

type Start = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "small.log"


@pytest.fixture
def start(rabbit: RabbitSettings, unused_tcp_port: int, log_file: Path) -> Start:
    """Run the small worker with these environment variables."""
    environment = {"RABBITMQ_URL": str(rabbit.rabbitmq_url), "PYTHONPATH": str(ROOT)}

    def starting(*, ready: bool = True, **overrides: str) -> AbstractAsyncContextManager[Service]:
        module = "tests.support.small_worker"
        return service(module, environment | overrides, unused_tcp_port, log_file, ready=ready)

    return starting


@pytest.fixture
async def wire(rabbit: RabbitSettings, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Cable]:
    """The worker's own wire to RabbitMQ."""
    to_port = rabbit.rabbitmq_url.port
    assert to_port is not None
    async with cable(unused_tcp_port_factory(), to_port) as made:
        yield made


async def request(publishes: RabbitBroker) -> str:
    call = factories.call()
    await publish_event(publishes, CallRequested.of(call).model_dump(mode="json"))
    return call.call_id


def lines(log_file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_file.read_text(encoding="utf-8").splitlines()]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


async def logged(log_file: Path, event: str, times: int = 1) -> list[dict[str, Any]]:
    """Wait until the worker has written an event."""

    def found() -> list[dict[str, Any]]:
        return [line for line in lines(log_file) if line["event"] == event]

    async def often_enough() -> bool:
        return len(found()) >= times

    await until(often_enough)
    return found()


async def answer(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return response.status, await response.json()


def over(wire: Cable, rabbit: RabbitSettings) -> str:
    return str(URL(str(rabbit.rabbitmq_url)).with_port(wire.port))


async def test_worker_lives_and_names_the_broker_it_waits_for(
    start: Start, wire: Cable, rabbit: RabbitSettings
) -> None:
    async with start(ready=False, RABBITMQ_URL=over(wire, rabbit)) as worker:
        await until(lambda: is_answered(worker, 503))
        assert await answer(f"{worker.url}/health") == (200, {"status": "ok"})
        assert await answer(f"{worker.url}/ready") == (503, {"missing": ["broker"]})
        await wire.plug()
        await until(lambda: is_answered(worker, 200))
        await wire.cut()
        await until(lambda: is_answered(worker, 503))
        await wire.plug()
        await until(lambda: is_answered(worker, 200))


async def is_answered(worker: Service, status: int) -> bool:
    assert worker.process.returncode is None
    try:
        return (await answer(f"{worker.url}/ready"))[0] == status
    except aiohttp.ClientError:
        return False


async def test_worker_that_waits_for_its_broker_can_be_stopped(
    start: Start, wire: Cable, rabbit: RabbitSettings
) -> None:
    async with start(ready=False, RABBITMQ_URL=over(wire, rabbit)) as worker:
        await until(lambda: is_answered(worker, 503))
        await stopped(worker)


async def test_metrics_are_told_in_the_format_of_prometheus(start: Start, publishes: RabbitBroker) -> None:
    async with start() as worker:
        await request(publishes)
        await until(lambda: is_counted(worker))
        told = await metrics(worker)
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "python_info"} <= told.keys()


async def is_counted(worker: Service) -> bool:
    samples = (await metrics(worker))["parley_message_seconds"].samples
    counts = [(s.labels, s.value) for s in samples if s.name.endswith("_count")]
    return counts == [({"queue": "dialer.call.requested", "verdict": "handled"}, 1)]


async def metrics(worker: Service) -> dict[str, Metric]:
    async with aiohttp.ClientSession() as http, http.get(f"{worker.url}/metrics") as response:
        return {family.name: family for family in text_string_to_metric_families(await response.text())}


async def test_log_is_one_json_object_a_line_that_names_service_and_call(
    start: Start, publishes: RabbitBroker, log_file: Path
) -> None:
    async with start():
        call_id = await request(publishes)
        (begun,) = await logged(log_file, "work begun")
    assert (begun["service"], begun["call_id"]) == ("small", call_id)
    assert {line["service"] for line in lines(log_file)} == {"small"}
    assert (begun["told"], begun["text"]) == ("call [number] over amqp://[redacted]@host/", "[redacted]")


async def test_worker_that_is_stopped_finishes_what_it_does_and_leaves_the_rest(
    start: Start, publishes: RabbitBroker, log_file: Path
) -> None:
    async with start(WORK_SECONDS="1") as worker:
        first, second = await request(publishes), await request(publishes)
        await logged(log_file, "work begun")
        await stopped(worker)
    assert [line["call_id"] for line in await logged(log_file, "work done")] == [first]
    async with start():
        done = await logged(log_file, "work done", times=2)
    assert [line["call_id"] for line in done] == [first, second]


async def test_worker_whose_background_work_breaks_stops_and_says_that_it_failed(start: Start, log_file: Path) -> None:
    async with start(ready=False, BREAKS_AFTER_SECONDS="0.2") as worker, asyncio.timeout(DEADLINE_SECONDS):
        assert await worker.process.wait() == 1
    (broken,) = await logged(log_file, "background work broke, service stops")
    assert "RuntimeError" in broken["exception"]


async def stopped(worker: Service) -> None:
    """Stop a worker as an operator does; it ends well and soon."""
    worker.process.terminate()
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await worker.process.wait() == 0
