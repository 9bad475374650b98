"""The port through which a POST leaves, and what can come back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol


class SendError(StrEnum):
    """Why there was no answer."""

    ADDRESS_REFUSED = "address_refused"
    URL_INVALID = "url_invalid"
    NAME_UNRESOLVED = "name_unresolved"
    UNREACHABLE = "unreachable"
    BROKEN_OFF = "broken_off"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Answer:
    """What came of a POST: a status code, or the error that kept it from coming."""

    status_code: int | None = None
    error: SendError | None = None
    excerpt: str = ""
    retry_after: timedelta | None = None

    @property
    def accepted(self) -> bool:
        return self.status_code is not None and HTTPStatus.OK <= self.status_code < HTTPStatus.MULTIPLE_CHOICES

    @property
    def gone(self) -> bool:
        """The endpoint asks never to be called again for this."""
        return self.status_code == HTTPStatus.GONE

    @property
    def asked_rest(self) -> timedelta:
        """How long the endpoint asks to be spared altogether: it has more to do than it can, or cannot do anything."""
        overloaded = self.status_code in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
        return self.retry_after if overloaded and self.retry_after else timedelta(0)


class Sender(Protocol):
    """Posts bytes to an endpoint."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once, within bounded time; whatever goes wrong is part of the answer."""
