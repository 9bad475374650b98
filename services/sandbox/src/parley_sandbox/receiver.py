"""A customer's endpoint: keeps what it gets, verifies signatures, and misbehaves when told to."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from pydantic import BaseModel, ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

HANG_SECONDS = 120.0
KEPT = 1000


class Behaviour(BaseModel):
    """How a receiver answers: with `status`, after `delay` seconds, to `location` if it redirects; or never."""

    status: int = 200
    delay: float = 0.0
    hang: bool = False
    location: str | None = None
    secret: str | None = None


@dataclass
class Delivery:
    """One POST as it arrived; `verified` is None as long as no secret is known."""

    received_at: str
    headers: dict[str, str]
    body: object
    answered: int
    verified: bool | None


@dataclass
class _Inbox:
    behaviour: Behaviour = field(default_factory=Behaviour)
    deliveries: list[Delivery] = field(default_factory=list)


class Receiver:
    """Any number of receivers, each by its name."""

    def __init__(self) -> None:
        self._inboxes: dict[str, _Inbox] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/receiver/{name}", self.receive),
            web.get("/receiver/{name}", self.list),
            web.delete("/receiver/{name}", self.clear),
            web.put("/receiver/{name}/behaviour", self.behave),
        ]

    def latest(self, limit: int) -> list[tuple[str, Delivery]]:
        found = [(name, delivery) for name, inbox in self._inboxes.items() for delivery in inbox.deliveries]
        return sorted(found, key=lambda item: item[1].received_at, reverse=True)[:limit]

    async def receive(self, request: web.Request) -> web.Response:
        inbox = self._inbox(request)
        behaviour = inbox.behaviour
        raw = await request.text()
        delivery = Delivery(
            received_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            headers=dict(request.headers),
            body=_parsed(raw),
            answered=behaviour.status,
            verified=_verified(behaviour.secret, raw, request),
        )
        inbox.deliveries = [*inbox.deliveries, delivery][-KEPT:]
        await asyncio.sleep(HANG_SECONDS if behaviour.hang else behaviour.delay)
        headers = {"Location": behaviour.location} if behaviour.location else {}
        return web.Response(status=behaviour.status, headers=headers)

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response([vars(delivery) for delivery in self._inbox(request).deliveries])

    async def clear(self, request: web.Request) -> web.Response:
        self._inboxes.pop(request.match_info["name"], None)
        return web.Response(status=204)

    async def behave(self, request: web.Request) -> web.Response:
        try:
            behaviour = Behaviour.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"errors": error.errors(include_url=False, include_input=False)}, status=422)
        self._inbox(request).behaviour = behaviour
        return web.json_response(behaviour.model_dump(exclude={"secret"}))

    def _inbox(self, request: web.Request) -> _Inbox:
        return self._inboxes.setdefault(request.match_info["name"], _Inbox())


def _parsed(raw: str) -> object:
    try:
        return json.loads(raw)
    except json.JSONDecodeError:
        return raw


def _verified(secret: str | None, raw: str, request: web.Request) -> bool | None:
    if secret is None:
        return None
    try:
        Webhook(secret).verify(raw, {name.lower(): value for name, value in request.headers.items()})
    except WebhookVerificationError:
        return False
    return True
