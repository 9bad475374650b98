"""The consumers of docs/integrating.md, as they stand there, on a real subscription."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import aio_pika
import pytest
from faststream.rabbit import RabbitBroker
from pydantic import AmqpDsn

from parley_common.events import PUBLIC, CallAnswered, CallRequested, CallRinging, Event
from parley_common.settings import RabbitSettings
from parley_local.settings import Places
from parley_webhooks.payloads import event_payload
from parley_webhooks.rabbit_bridge import RabbitBridge
from tests import factories
from tests.processes import INHERITED, command
from tests.support.customer import until
from tests.support.examples import block, output_of
from tests.support.front import Client, Front
from tests.support.integrator import declare_exchanges, owner_of, user_of, waiting

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/integrating.md"
NEEDED = ROOT / "tests/consumers"
"""The versions of the libraries that the consumers are tried with."""

NODE_MODULES = Places().cache / "consumers/node_modules"
WORK = {
    "python": "__import__('time').sleep(0.5)",
    "javascript": "await new Promise((resolve) => setTimeout(resolve, 500));",
    "go": "time.Sleep(500 * time.Millisecond)",
}
ENVIRONMENT = dict(os.environ)  # noqa: TID251  # the operator's package index


@pytest.fixture
async def rabbit(rabbitmq_url: str) -> RabbitSettings:
    """A broker without the services' queues."""
    await declare_exchanges(rabbitmq_url)
    return RabbitSettings(rabbitmq_url=AmqpDsn(rabbitmq_url))


@pytest.fixture(scope="session")
def node_modules() -> None:
    """Install what Node needs outside the checkout, once for all runs."""
    wanted, folder = (NEEDED / "package.json").read_text(encoding="utf-8"), NODE_MODULES.parent
    kept = folder / "package.json"
    if kept.exists() and kept.read_text(encoding="utf-8") == wanted:
        return
    fresh = folder.with_name(f"consumers-{os.getpid()}")
    fresh.mkdir(parents=True)
    shutil.copy(NEEDED / "package.json", fresh)
    words = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(words, cwd=fresh, env=ENVIRONMENT, check=True)  # noqa: S603  # our own words
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


async def python(folder: Path) -> list[str]:
    return [sys.executable, str(written(folder / "consumer.py", "python"))]


async def javascript(folder: Path) -> list[str]:
    return ["node", str(written(folder / "consumer.js", "javascript"))]


async def go(folder: Path) -> list[str]:
    written(folder / "main.go", "go")
    for name in ("go.mod", "go.sum"):
        shutil.copy(NEEDED / name, folder)
    await output_of(["go", "build", "-C", str(folder), "-o", "consumer"], ENVIRONMENT)
    return [str(folder / "consumer")]


def written(file: Path, language: str) -> Path:
    """Write a consumer down, with work that takes its time where the page has room for it."""
    code, places = re.subn(
        r"^(\s*)(.*your work)$", rf"\1{WORK[language]}\n\1\2", block(PAGE, language, "A consumer"), flags=re.MULTILINE
    )
    assert places == 1
    file.write_text(code, encoding="utf-8")
    return file


def worked(log: Path) -> list[str]:
    """Return the ids of the events that a consumer has worked; what it complains of is left out."""
    lines = (line.partition(" ") for line in log.read_text(encoding="utf-8").splitlines())
    return [event_id for event_type, _, event_id in lines if event_type in PUBLIC]


async def until_worked(log: Path, count: int) -> list[str]:
    """Wait until a consumer has worked so many different events, and return what it has worked."""

    async def enough() -> list[str] | None:
        found = worked(log)
        return found if len(set(found)) >= count else None

    return await until(enough)


async def tell(bridge: RabbitBridge, *events: Event) -> None:
    for event in events:
        await bridge.pass_on(event, event_payload(event).model_dump_json())


def environment_of(address: str) -> dict[str, str]:
    return INHERITED | {"AMQP_URL": address, "QUEUE_NAME": user_of(address), "NODE_PATH": str(NODE_MODULES)}


async def all_taken(address: str) -> bool:
    """Say whether nothing waits in a queue that is in nobody's hands."""
    async with await aio_pika.connect(address) as connection:
        queue = await (await connection.channel()).get_queue(user_of(address))
        return queue.declaration_result.message_count == 0


@pytest.fixture(params=[python, javascript, go], ids=lambda build: str(build.__name__))
async def consumer(request: pytest.FixtureRequest, node_modules: None, tmp_path: Path) -> list[str]:
    """Return how to run a consumer."""
    words: list[str] = await request.param(tmp_path)
    return words


async def test_consumer_gets_what_it_missed_each_event_once_and_comes_back_after_a_cut(
    consumer: list[str], owner: Client, front: Front, publishes: RabbitBroker, tmp_path: Path
) -> None:
    address, bridge, log = await owner.subscription(), RabbitBridge(publishes), tmp_path / "consumer.log"
    call = factories.call(owner_id=owner_of(address))
    requested, ringing = CallRequested.of(call), CallRinging.of(call, event_id="evt_ringing")
    answered = CallAnswered.of(call, event_id="evt_answered", answered_at=call.queued_at)
    last = CallRinging.of(call, event_id="evt_last")
    await tell(bridge, requested)
    async with command(consumer, environment_of(address), 0, log, folder=tmp_path, ready=False):
        await until_worked(log, 1)
        await tell(bridge, requested, ringing)
        await until_worked(log, 2)
        await front.services.management.disconnect(user_of(address))
        await tell(bridge, answered)
        assert await until_worked(log, 3) == [requested.event_id, ringing.event_id, answered.event_id]
        await tell(bridge, last)
        await until_worked(log, 4)
    assert set(await waiting(address)) <= {last.event_id}, "all before the last were acknowledged"


async def test_consumer_that_is_killed_works_every_event_and_none_again_that_it_had_worked(
    consumer: list[str], owner: Client, publishes: RabbitBroker, tmp_path: Path
) -> None:
    address, bridge, log = await owner.subscription(), RabbitBridge(publishes), tmp_path / "consumer.log"
    ringing = [CallRinging.of(factories.call(owner_id=owner_of(address))) for _ in range(10)]
    first, in_hand, meanwhile = ringing[0], ringing[1:6], ringing[6:]
    async with command(consumer, environment_of(address), 0, log, folder=tmp_path, ready=False) as running:
        await tell(bridge, first)
        await until_worked(log, 1)
        await tell(bridge, *in_hand)
        await until(lambda: all_taken(address))
        await running.kill()
    await tell(bridge, *meanwhile, first)
    async with command(consumer, environment_of(address), 0, log, folder=tmp_path, ready=False):
        found = await until_worked(log, len(ringing))
        await until(lambda: all_taken(address))
    assert set(found) == {event.event_id for event in ringing}
    assert worked(log).count(first.event_id) == 1
