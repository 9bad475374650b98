"""The receivers of docs/webhooks.md, as they stand there, against real deliveries."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from parley_common.clock import now
from parley_common.db.deliveries import DeliveryStatus
from parley_common.events import CallRinging
from parley_webhooks import signing
from tests import factories
from tests.fakes.endpoint import Endpoint
from tests.processes import INHERITED, Service, command
from tests.support.examples import block, output_of
from tests.support.mailroom import Mailroom

PAGE = Path(__file__).parents[2] / "docs/webhooks.md"
PATIENCE_SECONDS = 30.0

languages = pytest.mark.parametrize("language", ["python", "javascript", "go"])


async def built(language: str, folder: Path) -> list[str]:
    """Write the receiver down and return how to run it."""
    suffix = {"python": "py", "javascript": "js", "go": "go"}[language]
    source = folder / f"receiver.{suffix}"
    source.write_text(block(PAGE, language), encoding="utf-8")
    if language == "go":
        await output_of(["go", "build", "-o", str(folder / "receiver"), str(source)], INHERITED)
        return [str(folder / "receiver")]
    return [sys.executable if language == "python" else "node", str(source)]


def said(log: Path) -> list[str]:
    """Return the events that a receiver has named; Python's also logs requests."""
    return [line for line in log.read_text(encoding="utf-8").splitlines() if line == "call.ringing"]


async def until_listening(port: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "receiver.log"


@languages
async def test_receiver_accepts_genuine_deliveries_once_and_nothing_else(
    mailroom: Mailroom, unused_tcp_port: int, tmp_path: Path, log: Path, language: str
) -> None:
    listener = await mailroom.listen(f"http://127.0.0.1:{unused_tcp_port}/")
    secret = await mailroom.secrets.of(listener.endpoint_id)
    words = await built(language, tmp_path)
    async with command(words, INHERITED | {"WEBHOOK_SECRET": secret}, unused_tcp_port, log, ready=False) as running:
        await until_listening(unused_tcp_port)
        await mailroom.fanout.tell(CallRinging.of(factories.call()))
        await mailroom.deliver_now()
        (sent,) = await mailroom.owed_to(listener.endpoint_id)
        assert [(sent.status, attempt.status_code) for attempt in sent.attempts] == [(DeliveryStatus.DELIVERED, 204)]
        assert sent.body
        genuine = signing.headers([secret], sent.webhook_id, now(), sent.body)
        old = signing.headers([secret], sent.webhook_id, now() - timedelta(minutes=10), sent.body)
        changed = sent.body.replace("true", "false", 1)
        answers = [
            await post(running, headers, body)
            for headers, body in [(genuine, sent.body), (genuine, changed), (old, sent.body), ({}, sent.body)]
        ]
        assert answers == [204, 400, 400, 400]
        assert said(log) == ["call.ringing"]


@languages
async def test_receiver_that_knows_the_old_secret_accepts_deliveries_during_a_rotation(
    mailroom: Mailroom, unused_tcp_port: int, tmp_path: Path, log: Path, language: str
) -> None:
    listener = await mailroom.listen(f"http://127.0.0.1:{unused_tcp_port}/")
    old = await mailroom.secrets.of(listener.endpoint_id)
    await mailroom.secrets.rotate(listener.endpoint_id, timedelta(hours=1))
    words = await built(language, tmp_path)
    async with command(words, INHERITED | {"WEBHOOK_SECRET": old}, unused_tcp_port, log, ready=False):
        await until_listening(unused_tcp_port)
        await mailroom.fanout.tell(CallRinging.of(factories.call()))
        await mailroom.deliver_now()
    (sent,) = await mailroom.owed_to(listener.endpoint_id)
    assert sent.status is DeliveryStatus.DELIVERED


async def test_signature_can_be_made_by_hand(mailroom: Mailroom, customer: Endpoint, tmp_path: Path) -> None:
    listener = await mailroom.listen(customer.url)
    await mailroom.fanout.tell(CallRinging.of(factories.call()))
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    (tmp_path / "body.json").write_bytes(posted.body)
    known = {
        "WEBHOOK_SECRET": await mailroom.secrets.of(listener.endpoint_id),
        "ID": posted.headers["webhook-id"],
        "TIMESTAMP": posted.headers["webhook-timestamp"],
    }
    made = await output_of(["bash", "-c", f"cd {tmp_path}\n{block(PAGE, 'bash')}"], INHERITED | known)
    assert made.strip() == posted.headers["webhook-signature"]


async def post(receiver: Service, headers: dict[str, str], body: str) -> int:
    async with aiohttp.ClientSession() as http, http.post(receiver.url, data=body, headers=headers) as response:
        return response.status
