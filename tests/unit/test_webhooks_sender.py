"""What leaves, where it goes, and how little it believes of what comes back."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_network

import httpcore
import pytest
from yarl import URL

from parley_common.clock import now
from parley_webhooks import http_sender, sparing_stream
from parley_webhooks.http_sender import HttpSender
from parley_webhooks.sender import Answer, SendError
from tests.fakes.endpoint import Endpoint, endpoint
from tests.fakes.name_server import NameServer, name_server
from tests.support.hostile import HOSTILE

LOOPBACK = [ip_network("127.0.0.0/8")]
HEADERS = {"webhook-id": "evt_1"}
BUFFERED_AT_MOST_BYTES = 4 * 1024 * 1024


@pytest.fixture
async def customer() -> AsyncIterator[Endpoint]:
    async with endpoint() as served:
        yield served


@pytest.fixture
async def sender() -> AsyncIterator[HttpSender]:
    async with http_sender.connect(LOOPBACK, parallel=10) as connected:
        yield connected


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    async with name_server(monkeypatch) as served:
        yield served


@pytest.fixture
def dialed(monkeypatch: pytest.MonkeyPatch, names: NameServer) -> list[str]:
    """What is connected to."""
    contacted: list[str] = []

    async def dial(_backend: object, host: str, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        contacted.append(host)
        raise httpcore.ConnectError("nobody is called in this test")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", dial)
    return contacted


@pytest.mark.parametrize("url", [url for url, _ in HOSTILE])
async def test_nothing_is_sent_to_a_url_that_leads_astray(dialed: list[str], url: str) -> None:
    async with http_sender.connect([], parallel=10) as strict:
        answer = await strict.post(url, b"{}", HEADERS)
    assert answer.error in {SendError.ADDRESS_REFUSED, SendError.URL_INVALID, SendError.NAME_UNRESOLVED}
    assert dialed == []


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://8.8.8.8:443/", "http://[2606:4700:4700::1111]:80/a?b=c"])
async def test_public_address_is_dialed_as_it_was_checked(dialed: list[str], url: str) -> None:
    async with http_sender.connect([], parallel=10) as strict:
        assert (await strict.post(url, b"{}", HEADERS)).error is SendError.UNREACHABLE
    assert dialed == [URL(url).host]


async def test_name_that_turns_private_between_two_attempts_is_refused_at_the_second(
    names: NameServer, dialed: list[str]
) -> None:
    async with http_sender.connect([], parallel=10) as strict:
        names.addresses["rebind.test"] = ["93.184.216.34"]
        first = await strict.post("http://rebind.test/", b"{}", HEADERS)
        names.addresses["rebind.test"] = ["169.254.169.254"]
        second = await strict.post("http://rebind.test/", b"{}", HEADERS)
    assert (first.error, second.error) == (SendError.UNREACHABLE, SendError.ADDRESS_REFUSED)
    assert dialed == ["93.184.216.34"]


async def test_refused_address_is_never_contacted(customer: Endpoint) -> None:
    async with http_sender.connect([], parallel=10) as strict:
        answer = await strict.post(customer.url, b"{}", HEADERS)
    assert answer.error is SendError.ADDRESS_REFUSED
    assert customer.posted == []


@pytest.mark.parametrize("private", ["10.0.0.1", "fd00::1"])
async def test_name_with_one_public_and_one_private_address_is_refused(
    names: NameServer, dialed: list[str], private: str
) -> None:
    names.addresses["example.com"] = ["93.184.216.34", private]
    async with http_sender.connect([], parallel=10) as strict:
        answer = await strict.post("http://example.com/", b"{}", HEADERS)
    assert answer.error is SendError.ADDRESS_REFUSED
    assert dialed == []


async def test_name_is_resolved_once_so_that_it_cannot_change_between_check_and_connection(
    names: NameServer, sender: HttpSender, customer: Endpoint
) -> None:
    port = URL(customer.url).port
    names.addresses["rebind.test"] = ["127.0.0.1"]
    answer = await sender.post(f"http://rebind.test:{port}/reports", b"{}", HEADERS)
    assert answer.accepted
    assert sorted(names.asked) == [("rebind.test", "A"), ("rebind.test", "AAAA")]
    assert customer.posted[0].headers["host"] == f"rebind.test:{port}"


async def test_post_carries_body_and_headers(sender: HttpSender, customer: Endpoint) -> None:
    answer = await sender.post(customer.url, b'{"a": 1}', {"webhook-id": "evt_7"})
    assert (answer.status_code, answer.excerpt, answer.accepted) == (200, "ok", True)
    (posted,) = customer.posted
    assert posted.json == {"a": 1}
    assert posted.headers["webhook-id"] == "evt_7"
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["host"] == URL(customer.url).host_port_subcomponent


async def test_redirect_is_an_answer_and_is_not_followed(sender: HttpSender, customer: Endpoint) -> None:
    customer.statuses = [302]
    customer.headers = {"location": customer.url}
    answer = await sender.post(customer.url, b"{}", HEADERS)
    assert answer.status_code == 302
    assert not answer.accepted
    assert len(customer.posted) == 1


async def test_proxy_of_the_environment_is_ignored(
    monkeypatch: pytest.MonkeyPatch, sender: HttpSender, customer: Endpoint
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (await sender.post(customer.url, b"{}", HEADERS)).accepted


async def test_long_answer_is_cut(sender: HttpSender, customer: Endpoint) -> None:
    customer.answer = b"x" * 10_000_000
    answer = await sender.post(customer.url, b"{}", HEADERS)
    assert answer.accepted
    assert answer.excerpt == "x" * http_sender.EXCERPT_BYTES


async def test_answer_without_end_is_hung_up_on(sender: HttpSender) -> None:
    """What is sent beyond the first bytes has only filled the buffers between the two."""
    sent, hung_up = 0, asyncio.Event()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * http_sender.READ_AT_MOST_BYTES)
                await writer.drain()
                sent += http_sender.READ_AT_MOST_BYTES
        hung_up.set()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server, asyncio.timeout(10):
        answer = await sender.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", b"{}", HEADERS)
        await hung_up.wait()
    assert answer.accepted
    assert sent < BUFFERED_AT_MOST_BYTES


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["interim answers", "chunks of one byte"],
)
async def test_answer_that_costs_much_to_parse_is_broken_off_and_others_are_served_meanwhile(
    sender: HttpSender, customer: Endpoint, first: bytes, again: bytes
) -> None:
    turns = 0

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        with suppress(ConnectionError):
            while True:
                writer.write(again * 10_000)
                await writer.drain()

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server, asyncio.timeout(10):
        others = asyncio.create_task(take_turns())
        answer = await sender.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", b"{}", HEADERS)
        others.cancel()
        assert answer.error is SendError.BROKEN_OFF
        assert turns > sparing_stream.ANSWER_BYTES / sparing_stream.READ_BYTES
        assert (await sender.post(customer.url, b"{}", HEADERS)).accepted


async def test_connection_that_is_used_again_may_carry_another_answer_as_long(
    sender: HttpSender, customer: Endpoint
) -> None:
    customer.answer = b"x" * (http_sender.READ_AT_MOST_BYTES - 1)
    for _ in range(4):
        assert (await sender.post(customer.url, b"{}", HEADERS)).accepted


async def test_endpoint_that_never_answers_is_left_in_time(customer: Endpoint) -> None:
    customer.gate.clear()
    async with http_sender.connect(LOOPBACK, parallel=10, total_timeout=0.2) as hurried:
        answer = await hurried.post(customer.url, b"{}", HEADERS)
    assert answer == Answer(error=SendError.TIMEOUT)


async def test_closed_port_is_unreachable(sender: HttpSender) -> None:
    assert (await sender.post("http://127.0.0.1:9/", b"{}", HEADERS)).error is SendError.UNREACHABLE


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"])
async def test_connection_that_breaks_or_speaks_no_http_is_broken_off(sender: HttpSender, said: bytes) -> None:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await sender.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS)
    assert answer.error is SendError.BROKEN_OFF


async def test_retry_after_in_seconds_is_read(sender: HttpSender, customer: Endpoint) -> None:
    customer.statuses, customer.headers = [429], {"Retry-After": "120"}
    assert (await sender.post(customer.url, b"{}", HEADERS)).retry_after == timedelta(seconds=120)


async def test_retry_after_as_a_date_is_read(sender: HttpSender, customer: Endpoint) -> None:
    customer.statuses, customer.headers = (
        [503],
        {"Retry-After": format_datetime(now() + timedelta(hours=1), usegmt=True)},
    )
    asked = (await sender.post(customer.url, b"{}", HEADERS)).retry_after
    assert asked is not None
    assert timedelta(minutes=59) < asked <= timedelta(hours=1)


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "Wed, 21 Oct 2015 07:28:00", "²", "Mon, 01 Jan 99999999999 00:00:00 GMT"]
)
async def test_retry_after_that_makes_no_sense_asks_for_nothing(
    sender: HttpSender, customer: Endpoint, value: str
) -> None:
    customer.statuses, customer.headers = [503], {"Retry-After": value}
    assert not (await sender.post(customer.url, b"{}", HEADERS)).retry_after


async def test_gone_means_never_again(sender: HttpSender, customer: Endpoint) -> None:
    customer.statuses = [410]
    assert (await sender.post(customer.url, b"{}", HEADERS)).gone
