"""Sending over HTTP: no redirects, no proxies, bounded time, and no more read than is kept."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpcore
from yarl import URL

from parley_common.addresses import Network
from parley_common.clock import now
from parley_webhooks.pinned_network import NotDialed, PinnedNetwork
from parley_webhooks.sender import Answer, SendError

CONNECT_TIMEOUT_SECONDS = 10.0
TOTAL_TIMEOUT_SECONDS = 15.0
SPREAD = 0.3
"""POSTs that hang and began together are not given up in one moment: what follows would be done in one moment too."""

EXCERPT_BYTES = 500
READ_AT_MOST_BYTES = 64 * 1024
"""A short answer is read to its end, so that its connection can be used again."""

_FIXED_HEADERS = {
    "content-type": "application/json",
    "user-agent": "Parley-Webhooks/1",
    "accept-encoding": "identity",
}


class HttpSender:
    """Posts over a pool of pinned connections."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, total_timeout: float) -> None:
        self._pool = pool
        self._total_timeout = total_timeout

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            async with asyncio.timeout(self._total_timeout * random.uniform(1, 1 + SPREAD)):  # noqa: S311  # no secret
                return await self._post(URL(url), body, headers)
        except NotDialed as refusal:
            return Answer(error=refusal.reason)
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(error=SendError.TIMEOUT)
        except (httpcore.ConnectError, httpcore.ProxyError):
            return Answer(error=SendError.UNREACHABLE)
        except (httpcore.NetworkError, httpcore.RemoteProtocolError, ssl.SSLError):
            return Answer(error=SendError.BROKEN_OFF)
        except (ValueError, httpcore.LocalProtocolError, httpcore.UnsupportedProtocol):
            return Answer(error=SendError.URL_INVALID)

    async def _post(self, url: URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        target = httpcore.URL(
            scheme=url.scheme, host=url.raw_host or "", port=url.explicit_port, target=url.raw_path_qs or "/"
        )
        sent = list({"host": url.host_port_subcomponent or "", **_FIXED_HEADERS, **headers}.items())
        async with self._pool.stream(
            "POST", target, headers=sent, content=body, extensions={"timeout": {"connect": CONNECT_TIMEOUT_SECONDS}}
        ) as response:
            return Answer(
                status_code=response.status,
                excerpt=(await _beginning(response)).decode(errors="replace"),
                retry_after=_retry_after(response),
            )


@asynccontextmanager
async def connect(
    allowed_networks: Sequence[Network], parallel: int, total_timeout: float = TOTAL_TIMEOUT_SECONDS
) -> AsyncIterator[HttpSender]:
    async with httpcore.AsyncConnectionPool(
        ssl_context=httpcore.default_ssl_context(),
        max_connections=parallel,
        max_keepalive_connections=parallel,
        keepalive_expiry=15.0,
        network_backend=PinnedNetwork(allowed_networks),
    ) as pool:
        yield HttpSender(pool, total_timeout)


async def _beginning(response: httpcore.Response) -> bytes:
    read, kept = 0, b""
    async for chunk in response.aiter_stream():
        read += len(chunk)
        kept = (kept + chunk)[:EXCERPT_BYTES]
        if read > READ_AT_MOST_BYTES:
            break
    return kept


def _retry_after(response: httpcore.Response) -> timedelta | None:
    """Read the header in either of its forms, seconds or a date; anything else asks for nothing."""
    value = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"").decode("latin-1")
    if value.isdecimal():
        return timedelta(seconds=int(value[:9]))
    try:
        return max(parsedate_to_datetime(value) - now(), timedelta(0))
    except (ValueError, TypeError, OverflowError):
        return None
