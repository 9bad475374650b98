"""RabbitMQ's management API, as far as subscriptions need it: one queue and one user of the same name each."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
import structlog
from pydantic import AmqpDsn
from yarl import URL

from parley_api.settings import IntegratorSettings
from parley_common import topology
from parley_common.errors import BrokerUnavailable
from parley_common.settings import RabbitSettings

log = structlog.get_logger()

REQUEST_TIMEOUT_SECONDS = 5.0
MANAGEMENT_PORT_ABOVE = 10_000
"""RabbitMQ's habit: 5672 and 15672, 5671 and 15671."""

MAX_LENGTH = 100_000
MAX_BYTES = 64 * 1024 * 1024
MAX_AGE = timedelta(days=3)
UNREAD_FOR = timedelta(days=30)
"""A queue that nobody has read for so long goes, with what is in it."""

MAX_RETURNS = 1_000_000
"""So often an event may come back. RabbitMQ 3.10 counts each broken connection: a consumer that crashes all night must
find its events in the morning. From 4.0 the default would be 20, and no limit at all is not the same in both."""

USER_LIMITS = {"max-connections": 5, "max-channels": 20}
_NOTHING = "^$"


@dataclass(frozen=True)
class QueueState:
    """What RabbitMQ has counted; a few seconds old."""

    messages: int
    consumers: int


class Management:
    """Every step may be done again. Raises BrokerUnavailable, also when RabbitMQ does not take what it should."""

    def __init__(self, http: aiohttp.ClientSession, vhost: str, public_url: AmqpDsn) -> None:
        self._http = http
        self._vhost = quote(vhost, safe="")
        self._public_url = public_url

    async def provide(self, name: str, binding_keys: Sequence[str], password: str) -> None:
        """Make what is missing; the password is set in any case. A queue that is there stays as it was made."""
        if await self.state_of(name) is None:
            await self._demand("PUT", self._queue(name), {"durable": True, "arguments": _queue_arguments()})
        for key in binding_keys:
            bindings = f"bindings/{self._vhost}/e/{topology.OUTSIDE}/q/{name}"
            await self._demand("POST", bindings, {"routing_key": key})
        await self._demand("PUT", f"users/{name}", {"password": password, "tags": ""})
        permissions = {"configure": _NOTHING, "write": _NOTHING, "read": f"^{re.escape(name)}$"}
        await self._demand("PUT", f"permissions/{self._vhost}/{name}", permissions)
        for limit, value in USER_LIMITS.items():
            await self._demand("PUT", f"user-limits/{name}/{limit}", {"value": value})

    async def remove(self, name: str) -> None:
        """Take away the user, which ends its connections, and the queue; harmless when they are gone."""
        await self._ask("DELETE", f"users/{name}")
        await self._ask("DELETE", self._queue(name))

    async def disconnect(self, name: str) -> None:
        """End the connections of a user."""
        await self._ask("DELETE", f"connections/username/{name}")

    async def state_of(self, name: str) -> QueueState | None:
        """Look at a queue; None when there is none."""
        told = await self._ask("GET", self._queue(name))
        return None if told is None else QueueState(told.get("messages", 0), told.get("consumers", 0))

    def address(self, name: str, password: str) -> str:
        url = URL(str(self._public_url)).with_user(name).with_password(password)
        return str(url.with_path(f"/{self._vhost}", encoded=True))

    def _queue(self, name: str) -> str:
        return f"queues/{self._vhost}/{name}"

    async def _demand(self, method: str, path: str, body: dict[str, Any]) -> None:
        if await self._ask(method, path, body) is None:
            raise BrokerUnavailable("RabbitMQ lacks what a subscription is made of")

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the answer, empty when there is nothing to say; None when RabbitMQ does not know of such a thing."""
        try:
            async with self._http.request(method, URL(path, encoded=True), json=body) as response:
                if response.status == HTTPStatus.NOT_FOUND:
                    return None
                if not response.ok:
                    log.warning(
                        "management refused", method=method, what=path.partition("/")[0], status=response.status
                    )
                    raise BrokerUnavailable(f"RabbitMQ's management refused: {response.status}")
                told: dict[str, Any] = await response.json() if method == "GET" else {}
                return told
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BrokerUnavailable("RabbitMQ's management does not answer") from error


def _queue_arguments() -> dict[str, str | int]:
    return {
        "x-queue-type": "quorum",
        "x-max-length": MAX_LENGTH,
        "x-max-length-bytes": MAX_BYTES,
        "x-overflow": "drop-head",
        "x-message-ttl": _milliseconds(MAX_AGE),
        "x-expires": _milliseconds(UNREAD_FOR),
        "x-delivery-limit": MAX_RETURNS,
    }


def _milliseconds(time: timedelta) -> int:
    return round(time.total_seconds() * 1000)


@asynccontextmanager
async def connect(rabbit: RabbitSettings, integrators: IntegratorSettings) -> AsyncIterator[Management]:
    """Open a client; it connects lazily, so management that is away shows at the first use."""
    broker = URL(str(rabbit.rabbitmq_url))
    url = URL(str(integrators.rabbitmq_management_url or management_of(broker)))
    async with aiohttp.ClientSession(
        url.with_user(None).with_path("/api/"),
        headers={"Authorization": aiohttp.encode_basic_auth(url.user or "", url.password or "")},
        timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS),
    ) as http:
        vhost = unquote(broker.raw_path.removeprefix("/")) or "/"
        yield Management(http, vhost, integrators.rabbitmq_public_url or rabbit.rabbitmq_url)


def management_of(broker: URL) -> URL:
    """Derive where a broker is managed from where it is used."""
    secure = broker.scheme == "amqps"
    port = (broker.explicit_port or (5671 if secure else 5672)) + MANAGEMENT_PORT_ABOVE
    return URL.build(
        scheme="https" if secure else "http",
        user=broker.user,
        password=broker.password,
        host=broker.host or "",
        port=port,
    )
