"""Where a stream begins, and what it is sent as."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import structlog
from fastapi import Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from parley_api.errors import invalid
from parley_api.services import Services
from parley_api.streams.following import View, follow, has_ended
from parley_common.db.journal import BEGINNING, KEPT, Place
from parley_common.ids import EventId, OwnerId

log = structlog.get_logger()

START = EventId("start")
"""As Last-Event-ID: from the first event that is kept."""

GOODBYE_SECONDS = 2.0
"""How long a stream may take to end by itself when this process stops."""


class EventStream(EventSourceResponse):
    """Server-sent events for one reader; one that does not take them in time is cut, and may come back."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.warning("slow reader cut")


async def open_stream(services: Services, view: View, last_event_id: str | None, woken: asyncio.Event) -> Response:
    """Begin after an event, or else at the beginning of a call, or at the end of the journal.

    204 tells whoever comes back to a call that has nothing more to tell to stay away.
    """
    bookmark = None
    if last_event_id is not None:
        place = await _place_of(services, view.owner, last_event_id)
        if await _is_exhausted(services, view, place):
            return Response(status_code=204)
    elif view.call_id is not None:
        place = Place(START, BEGINNING)
    else:
        place = bookmark = await services.journal.latest(view.owner) or Place(START, BEGINNING)
    closing = anyio.Event()
    return EventStream(
        _told(follow(services, view, place.position, woken, closing), bookmark),
        ping=services.settings.stream_heartbeat.total_seconds(),
        ping_message_factory=lambda: ServerSentEvent(comment="still here"),
        send_timeout=services.settings.stream_send_timeout.total_seconds(),
        shutdown_event=closing,
        shutdown_grace_period=GOODBYE_SECONDS,
    )


async def _told(events: AsyncIterator[ServerSentEvent], bookmark: Place | None) -> AsyncIterator[ServerSentEvent]:
    """Give a reader who has got nothing yet an id to come back with."""
    if bookmark is not None:
        yield ServerSentEvent(id=bookmark.event_id)
    async for event in events:
        yield event


async def _place_of(services: Services, owner: OwnerId, last_event_id: str) -> Place:
    if last_event_id == START:
        return Place(START, BEGINNING)
    event_id = EventId(last_event_id)
    position = await services.journal.position_of(owner, event_id)
    if position is None:
        reason = f"must be the id of one of your events; what follows an event is kept for {KEPT.days} days"
        raise invalid("Last-Event-ID", reason)
    return Place(event_id, position)


async def _is_exhausted(services: Services, view: View, place: Place) -> bool:
    """Say whether nothing follows, now or later."""
    if not await has_ended(services, view):
        return False
    return not await services.journal.after(view.owner, place.position, call_id=view.call_id, limit=1)
