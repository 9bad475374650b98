"""Which URLs of customers are kept, before any name is resolved."""

from ipaddress import ip_network

import pytest

from parley_api.targets import refusal_of
from tests.support.hostile import HOSTILE, INSIDE

DEVELOPMENT = [ip_network("127.0.0.0/8")]


@pytest.mark.parametrize(("url", "reason"), HOSTILE)
def test_url_that_leads_astray_is_refused_with_its_reason(url: str, reason: str) -> None:
    assert refusal_of(url, ()) == reason


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com", "http://example.com/", "https://example.com:443/a?b=c#d", "http://EXAMPLE.com:80"),
        *("https://bücher.example/", "https://hooks_1.example.com/", "https://8.8.8.8/", "https://example.com./"),
        *("http://[2606:4700:4700::1111]/", "https://example.com/?next=http://127.0.0.1/", "https://10.example.com/"),
    ],
)
def test_url_that_anybody_can_reach_is_kept(url: str) -> None:
    assert refusal_of(url, ()) is None


def test_listed_network_opens_itself_and_nothing_else() -> None:
    assert refusal_of("http://127.0.0.1:8090/receiver", DEVELOPMENT) is None
    assert refusal_of("http://10.0.0.1/", DEVELOPMENT) == INSIDE
    assert refusal_of("http://user:password@127.0.0.1/", DEVELOPMENT) == "must not contain credentials"
