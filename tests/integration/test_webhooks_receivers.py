"""The receivers of docs/integrating.md, as they stand there, against real deliveries."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from parley_common.clock import now
from parley_common.db.deliveries import DeliveryStatus
from parley_common.events import CallRinging
from parley_common.worker import running
from parley_webhooks import signing
from tests import factories
from tests.fakes.endpoint import Endpoint
from tests.processes import INHERITED, Service, command
from tests.support.customer import until
from tests.support.examples import block, output_of
from tests.support.mailroom import Mailroom

DOCS = Path(__file__).parents[2] / "docs"
PATIENCE_SECONDS = 30.0

languages = pytest.mark.parametrize("language", ["python", "javascript", "go"])


async def built(language: str, folder: Path) -> list[str]:
    """Write the receiver down and return how to run it."""
    suffix = {"python": "py", "javascript": "js", "go": "go"}[language]
    source = folder / f"receiver.{suffix}"
    source.write_text(block(DOCS / "integrating.md", language, "A receiver"), encoding="utf-8")
    if language == "go":
        await output_of(["go", "build", "-o", str(folder / "receiver"), str(source)], INHERITED)
        return [str(folder / "receiver")]
    return [sys.executable if language == "python" else "node", str(source)]


def worked(log: Path) -> list[str]:
    """Return the ids of the events that a receiver has worked; Python's also logs requests."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith("call.ringing ")]


async def until_worked(log: Path, events: set[str]) -> list[str]:
    """Wait until a receiver has worked all these events, and return what it has worked."""

    async def all_of_them() -> list[str] | None:
        found = worked(log)
        return found if events <= set(found) else None

    return await until(all_of_them)


async def ring(mailroom: Mailroom) -> str:
    """Have a phone ring, and return the id of the event."""
    event = CallRinging.of(factories.call())
    await mailroom.fanout.tell(event)
    return event.event_id


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
    known = INHERITED | {"WEBHOOK_SECRET": secret}
    async with command(words, known, unused_tcp_port, log, folder=tmp_path, ready=False) as receiver:
        await until_listening(unused_tcp_port)
        first = await ring(mailroom)
        await mailroom.deliver_now()
        (sent,) = await mailroom.owed_to(listener.endpoint_id)
        assert [(sent.status, attempt.status_code) for attempt in sent.attempts] == [(DeliveryStatus.DELIVERED, 204)]
        assert sent.body
        genuine = signing.headers([secret], sent.webhook_id, now(), sent.body)
        old = signing.headers([secret], sent.webhook_id, now() - timedelta(minutes=10), sent.body)
        changed = sent.body.replace("true", "false", 1)
        tries = [(genuine, sent.body), (genuine, changed), (old, sent.body), ({}, sent.body)]
        assert [await post(receiver, headers, body) for headers, body in tries] == [204, 400, 400, 400]
        await until_worked(log, {first})
        assert await post(receiver, genuine, sent.body) == 204
        last = await ring(mailroom)
        await mailroom.deliver_now()
        assert await until_worked(log, {first, last}) == [first, last]


@languages
async def test_receiver_outlives_half_a_request(
    mailroom: Mailroom, unused_tcp_port: int, tmp_path: Path, log: Path, language: str
) -> None:
    listener = await mailroom.listen(f"http://127.0.0.1:{unused_tcp_port}/")
    known = INHERITED | {"WEBHOOK_SECRET": await mailroom.secrets.of(listener.endpoint_id)}
    words = await built(language, tmp_path)
    async with command(words, known, unused_tcp_port, log, folder=tmp_path, ready=False) as receiver:
        await until_listening(unused_tcp_port)
        _, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(b"POST / HTTP/1.1\r\nhost: customer\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        assert await post(receiver, {}, "{}") == 400, "the half request has been taken up before this one"
        writer.transport.abort()
        event = await ring(mailroom)
        await mailroom.deliver_now()
        await until_worked(log, {event})
        assert receiver.process.returncode is None


@languages
async def test_receiver_that_is_killed_works_what_it_had_answered_and_gets_what_it_missed(
    mailroom: Mailroom, unused_tcp_port: int, tmp_path: Path, log: Path, language: str
) -> None:
    listener = await mailroom.listen(f"http://127.0.0.1:{unused_tcp_port}/")
    known = INHERITED | {"WEBHOOK_SECRET": await mailroom.secrets.of(listener.endpoint_id)}
    words = await built(language, tmp_path)

    sent: set[str] = set()

    async def answered_and_not_worked() -> set[str]:
        sent.add(await ring(mailroom))
        owed = await mailroom.owed_to(listener.endpoint_id)
        answered = {delivery.webhook_id for delivery in owed if delivery.status is DeliveryStatus.DELIVERED}
        return answered - set(worked(log))

    async with running([mailroom.dispatcher.dispatch_forever()]):
        async with command(words, known, unused_tcp_port, log, folder=tmp_path, ready=False) as receiver:
            await until_listening(unused_tcp_port)
            await until(answered_and_not_worked)
            await receiver.kill()
        for _ in range(6):
            sent.add(await ring(mailroom))
        async with command(words, known, unused_tcp_port, log, folder=tmp_path, ready=False):
            await until_listening(unused_tcp_port)
            await mailroom.healths.enable(listener.endpoint_id)
            await mailroom.deliveries.release(listener.endpoint_id)
            assert set(await until_worked(log, sent)) == sent


@languages
async def test_receiver_that_knows_the_old_secret_accepts_deliveries_during_a_rotation(
    mailroom: Mailroom, unused_tcp_port: int, tmp_path: Path, log: Path, language: str
) -> None:
    listener = await mailroom.listen(f"http://127.0.0.1:{unused_tcp_port}/")
    old = await mailroom.secrets.of(listener.endpoint_id)
    await mailroom.secrets.rotate(listener.endpoint_id, timedelta(hours=1))
    words = await built(language, tmp_path)
    known = INHERITED | {"WEBHOOK_SECRET": old}
    async with command(words, known, unused_tcp_port, log, folder=tmp_path, ready=False):
        await until_listening(unused_tcp_port)
        await ring(mailroom)
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
    made = await output_of(["bash", "-c", f"cd {tmp_path}\n{block(DOCS / 'webhooks.md', 'bash')}"], INHERITED | known)
    assert made.strip() == posted.headers["webhook-signature"]


async def post(receiver: Service, headers: dict[str, str], body: str) -> int:
    async with aiohttp.ClientSession() as http, http.post(receiver.url, data=body, headers=headers) as response:
        return response.status
