"""How names of customers become addresses, and that nobody waits for a name server but its own customer."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import dns.asyncresolver
import dns.resolver
import pytest
from yarl import URL

from parley_webhooks import http_sender, lookup
from parley_webhooks.lookup import addresses_of
from parley_webhooks.sender import Answer, SendError
from tests.fakes.endpoint import endpoint
from tests.fakes.name_server import NameServer, name_server

LOOPBACK = [ip_network("127.0.0.0/8")]
MANY = 50


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    async with name_server(monkeypatch) as served:
        yield served


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "LOOKUP_TIMEOUT_SECONDS", 0.2)


async def test_silent_name_servers_delay_nobody_else(names: NameServer) -> None:
    names.addresses["live.test"] = ["127.0.0.1"]
    async with (
        endpoint() as live,
        http_sender.connect(LOOPBACK, parallel=MANY + 1) as sender,
        asyncio.TaskGroup() as posts,
    ):
        stuck = [posts.create_task(sender.post(f"http://{n}.silent.test/", b"{}", {})) for n in range(MANY)]
        answer = await sender.post(f"http://live.test:{URL(live.url).port}/", b"{}", {})
        assert answer.accepted
        assert not any(post.done() for post in stuck)
        for post in stuck:
            post.cancel()


@pytest.mark.parametrize("host", ["nowhere.invalid", "silent.test"])
async def test_name_that_is_unknown_or_not_answered_for_is_told_as_such(
    names: NameServer, hurried: None, host: str
) -> None:
    async with http_sender.connect(LOOPBACK, parallel=1) as sender:
        assert await sender.post(f"http://{host}/", b"{}", {}) == Answer(error=SendError.NAME_UNRESOLVED)


async def test_name_is_unresolved_while_there_is_no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def unconfigured() -> dns.asyncresolver.Resolver:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.asyncresolver, "Resolver", unconfigured)
    assert await addresses_of("live.test") == []


@pytest.mark.parametrize("withheld", ["", "AAAA"])
async def test_ipv4_is_found_beside_ipv6_and_without_it(names: NameServer, hurried: None, withheld: str) -> None:
    names.addresses["both.test"], names.withheld = ["2606:4700:4700::1111", "8.8.8.8"], withheld
    assert await addresses_of("both.test") == (["8.8.8.8"] if withheld else ["8.8.8.8", "2606:4700:4700::1111"])


async def test_hosts_file_is_asked_before_the_name_server(
    names: NameServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n\n10.0.0.7  Desk desk.test # moved\n::1 localhost\n", encoding="utf-8")
    monkeypatch.setattr(lookup, "HOSTS", hosts)
    assert await addresses_of("localhost") == ["127.0.0.1", "::1"]
    assert await addresses_of("desk.test.") == ["10.0.0.7"]
    assert names.asked == []
    assert await addresses_of("moved") == []


@pytest.mark.parametrize(
    ("host", "address"), [("8.8.8.8", "8.8.8.8"), ("0x7f.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("::1", "::1")]
)
async def test_host_that_is_an_address_is_asked_of_nobody(names: NameServer, host: str, address: str) -> None:
    assert await addresses_of(host) == [address]
    assert names.asked == []
