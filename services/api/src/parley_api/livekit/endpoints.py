"""Where LiveKit sends its webhooks."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Request, Response

from parley_api.livekit.receiving import room_of, translate
from parley_api.services import ServicesDependency
from parley_common.broker import publish_event

log = structlog.get_logger()

router = APIRouter(prefix="/livekit", include_in_schema=False)


@router.post("/webhook")
async def webhook(
    request: Request, services: ServicesDependency, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """Pass on what happened in a room. LiveKit repeats an event until it is answered with 200."""
    event = services.receiver.read(await request.body(), authorization)
    call = await services.calls.find_by_room(room_of(event))
    told = translate(event, call) if call is not None else None
    if told is not None:
        await publish_event(services.publishes, told.model_dump(mode="json"), trace=call.trace if call else {})
        log.info("livekit event passed on", call_id=told.call_id, livekit_event=event.event)
    return Response(status_code=200)
