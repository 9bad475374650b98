"""The consumers of docs/subscriptions.md, as they stand there, on a real subscription."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faststream.rabbit import RabbitBroker
from pydantic import AmqpDsn

from parley_common.events import PUBLIC, CallAnswered, CallRequested, CallRinging
from parley_common.settings import RabbitSettings
from parley_local.settings import Places
from parley_webhooks.rabbit_bridge import RabbitBridge
from tests import factories
from tests.processes import INHERITED, command
from tests.support.customer import until
from tests.support.examples import block, output_of
from tests.support.front import Client, Front
from tests.support.integrator import declare_exchanges, owner_of, user_of, waiting

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/subscriptions.md"
NEEDED = ROOT / "tests/consumers"
"""The versions of the libraries that the consumers are tried with."""

NODE_MODULES = Places().cache / "consumers/node_modules"
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
    file.write_text(block(PAGE, language), encoding="utf-8")
    return file


def events_in(log: Path) -> list[str]:
    """Return the events that a consumer has named; what it complains of is left out."""
    return [line for line in log.read_text(encoding="utf-8").splitlines() if line in PUBLIC]


async def said(log: Path, count: int) -> list[str]:
    """Wait until a consumer has named so many events."""

    async def named() -> list[str] | None:
        found = events_in(log)
        return found if len(found) >= count else None

    return await until(named)


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
    known = {"AMQP_URL": address, "QUEUE_NAME": user_of(address), "NODE_PATH": str(NODE_MODULES)}
    await bridge.pass_on(requested, "{}")
    async with command(consumer, INHERITED | known, 0, log, ready=False):
        await said(log, 1)
        for event in (requested, ringing):
            await bridge.pass_on(event, "{}")
        await said(log, 2)
        await front.services.management.disconnect(user_of(address))
        await bridge.pass_on(answered, "{}")
        assert await said(log, 3) == ["call.requested", "call.ringing", "call.answered"]
        await bridge.pass_on(last, "{}")
        await said(log, 4)
    assert set(await waiting(address)) <= {last.event_id}, "all before the last were acknowledged"
