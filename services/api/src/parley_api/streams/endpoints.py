"""Live streams over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response

from parley_api.auth import CallerDependency
from parley_api.calls.service import get
from parley_api.services import ServicesDependency
from parley_api.streams import service
from parley_api.streams.following import View

router = APIRouter(tags=["events"])


async def _seat(caller: CallerDependency, services: ServicesDependency) -> AsyncIterator[asyncio.Event]:
    """Hold a seat until the answer has been sent, or could not be."""
    woken = services.readers.sit(caller.owner)
    try:
        yield woken
    finally:
        services.readers.leave(caller.owner, woken)


SeatDependency = Annotated[asyncio.Event, Depends(_seat)]

type LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID", description=f"Go on after this event; `{service.START}`: from the first that is kept"
    ),
]
_EXAMPLE = (
    "id: evt_call_0123456789abcdef01234567_5\n"
    "event: call.ringing\n"
    'data: {"success":true,"message":"Call ringing","type":"call.ringing",'
    '"timestamp":"2026-03-20T10:00:00.000Z","data":{"call_id":"call_0123456789abcdef01234567","seq":5,...}}\n\n'
)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: the id and the body that webhooks have",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


@router.get("/events", response_class=Response, responses=_STREAM)
async def all_events(
    caller: CallerDependency, services: ServicesDependency, woken: SeatDependency, last_event_id: LastEventId = None
) -> Response:
    """Stream your events as they happen; without a Last-Event-ID from now on."""
    return await service.open_stream(services, View(caller.owner, caller.key_id), last_event_id, woken)


@router.get(
    "/call/{call_id}/events",
    response_class=Response,
    responses={**_STREAM, 204: {"description": "The call has told everything; do not come back"}},
)
async def call_events(
    call_id: str,
    caller: CallerDependency,
    services: ServicesDependency,
    woken: SeatDependency,
    last_event_id: LastEventId = None,
) -> Response:
    """Stream the events of a call from its beginning, until it is over and its recording is decided."""
    call = await get(services, caller, call_id)
    return await service.open_stream(services, View(caller.owner, caller.key_id, call.call_id), last_event_id, woken)
