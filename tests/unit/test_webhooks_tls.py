"""Who may take a POST over TLS: only the one that proves the name of the URL, to an authority that is trusted."""

import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme
from yarl import URL

from parley_webhooks import http_sender
from parley_webhooks.sender import Answer, SendError
from tests.fakes.endpoint import endpoint
from tests.fakes.name_server import NameServer, name_server
from tests.support.certificates import certified

LOOPBACK = [ip_network("127.0.0.0/8")]
NAME = "hooks.customer.test"


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    async with name_server(monkeypatch) as served:
        served.addresses[NAME] = ["127.0.0.1"]
        yield served


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """An authority that this machine trusts."""
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return trusted


async def test_post_goes_to_the_checked_address_and_asks_there_for_the_name_of_the_url(
    names: NameServer, authority: trustme.CA
) -> None:
    asked_for: list[str] = []

    def note(_connection: ssl.SSLObject, name: str, _context: ssl.SSLContext) -> None:
        asked_for.append(name)

    tls = certified(authority, NAME)
    tls.sni_callback = note
    async with endpoint(tls) as customer, http_sender.connect(LOOPBACK, parallel=1) as sender:
        port = URL(customer.url).port
        answer = await sender.post(f"https://{NAME}:{port}/reports", b"{}", {})
    assert answer.accepted
    assert asked_for == [NAME]
    assert customer.posted[0].headers["host"] == f"{NAME}:{port}"
    assert sorted(names.asked) == [(NAME, "A"), (NAME, "AAAA")]


async def test_trusted_authorities_are_read_when_the_sender_starts_and_not_at_each_connection(
    names: NameServer, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with endpoint(certified(authority, NAME)) as customer, http_sender.connect(LOOPBACK, parallel=1) as sender:
        monkeypatch.delenv("SSL_CERT_FILE")
        answer = await sender.post(f"https://{NAME}:{URL(customer.url).port}/reports", b"{}", {})
    assert answer.accepted


async def test_certificate_of_another_name_gets_nothing(names: NameServer, authority: trustme.CA) -> None:
    await _gets_nothing(certified(authority, "hooks.other.test", "127.0.0.1"))


async def test_certificate_of_an_unknown_authority_gets_nothing(names: NameServer, authority: trustme.CA) -> None:
    await _gets_nothing(certified(trustme.CA(), NAME))


async def _gets_nothing(tls: ssl.SSLContext) -> None:
    async with endpoint(tls) as impostor, http_sender.connect(LOOPBACK, parallel=1) as sender:
        answer = await sender.post(f"https://{NAME}:{URL(impostor.url).port}/reports", b"{}", {})
    assert answer == Answer(error=SendError.UNREACHABLE)
    assert impostor.posted == []
