"""Outbound calls over HTTP."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query

from parley_api.auth import CallerDependency
from parley_api.calls import canceling, deleting, service
from parley_api.calls.schemas import (
    CallAccepted,
    CallBody,
    CallCanceled,
    CallDeletion,
    CallDetails,
    CallPage,
    CallSummary,
)
from parley_api.cursors import cursor_after, place_of
from parley_api.envelope import Envelope
from parley_api.fields import Moment, PhoneNumber
from parley_api.services import ServicesDependency
from parley_common.lifecycle import TERMINAL, CallStatus

LINK_VALID_FOR = timedelta(hours=1)

router = APIRouter(prefix="/call", tags=["calls"])


@router.post("/outbound", status_code=202)
async def outbound(
    body: CallBody,
    caller: CallerDependency,
    services: ServicesDependency,
    idempotency_key: Annotated[
        str | None, Header(description="The same key and body: the same call and answer, for a day")
    ] = None,
) -> Envelope[CallAccepted]:
    """Accept a call. It is placed as soon as its turn comes; its end is reported to the assistant's end-call URL."""
    acceptance = await service.request_call(services, caller, body, idempotency_key)
    return Envelope(message="Call queued successfully", data=CallAccepted.of(body, acceptance))


@router.get("/list")
async def list_all(  # noqa: PLR0913, PLR0917  # one parameter a filter
    caller: CallerDependency,
    services: ServicesDependency,
    call_status: CallStatus | None = None,
    assistant_id: str | None = None,
    trunk_id: str | None = None,
    to_number: PhoneNumber | None = None,
    queued_from: Moment | None = None,
    queued_to: Moment | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Envelope[CallPage]:
    """List calls, newest first."""
    filters: dict[str, object] = {
        "status": call_status,
        "assistant.assistant_id": assistant_id,
        "trunk_id": trunk_id,
        "to_number": to_number,
    }
    found = await services.calls.page(
        caller.owner,
        limit=limit + 1,
        before=place_of(cursor) if cursor else None,
        where={name: value for name, value in filters.items() if value is not None},
        between=(queued_from, queued_to),
    )
    shown = found[:limit]
    page = CallPage(
        calls=[CallSummary.of(call) for call in shown],
        next_cursor=cursor_after(shown[-1].queued_at, shown[-1].call_id) if len(found) > limit else None,
    )
    return Envelope(message="Calls fetched successfully", data=page)


@router.get("/{call_id}")
async def details(call_id: str, caller: CallerDependency, services: ServicesDependency) -> Envelope[CallDetails]:
    """Show a call: status, attempts, transcript (live while it goes on), latency, and a link to its recording."""
    call = await service.get(services, caller, call_id)
    live = call.status not in TERMINAL
    said = await services.transcripts.of_call(call.call_id) if live else call.transcript
    link = await services.links.to(call.recording, LINK_VALID_FOR)
    return Envelope(message="Call details fetched successfully", data=CallDetails.of_call(call, said, link))


@router.delete("/{call_id}", status_code=202)
async def delete(call_id: str, caller: CallerDependency, services: ServicesDependency) -> Envelope[CallDeletion]:
    """Delete a call's data: number, metadata, words, recording, reports. What remains are ids, status and times.

    It is done within seconds; `GET /call/{call_id}` shows what was removed, and when it was seen gone.
    """
    call = await deleting.delete(services, caller, call_id)
    return Envelope(message="Call data is being deleted", data=CallDeletion.model_validate(call, from_attributes=True))


@router.post("/{call_id}/cancel")
async def cancel(call_id: str, caller: CallerDependency, services: ServicesDependency) -> Envelope[CallCanceled]:
    """Cancel a call that was not answered yet, hang up one that is in progress.

    A phone that rings stops within a second; `call.ended` tells whether somebody picked up in the same moment.
    """
    call = await canceling.cancel_own(services, caller, call_id)
    data = CallCanceled(call_id=call.call_id, call_status=call.status)
    return Envelope(message="Call canceled successfully", data=data)
