"""Webhook endpoints over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from parley_api.auth import CallerDependency
from parley_api.cursors import cursor_after, place_of
from parley_api.endpoints import service
from parley_api.endpoints.schemas import (
    DeliveryDetails,
    DeliveryPage,
    DeliverySummary,
    EndpointBody,
    EndpointChange,
    EndpointDetails,
    EndpointSecret,
    EventType,
    ExampleWanted,
    Owed,
    Recovered,
    Rotation,
    Span,
)
from parley_api.envelope import Envelope
from parley_api.paging import PageDependency
from parley_api.services import ServicesDependency
from parley_common.db.deliveries import DeliveryStatus

router = APIRouter(tags=["endpoints"])


@router.post("/endpoints")
async def create(
    body: EndpointBody, caller: CallerDependency, services: ServicesDependency
) -> Envelope[EndpointSecret]:
    """Have events posted to a URL, signed with the secret in this answer."""
    endpoint = await service.create(services, caller, body)
    secret = await services.signing_secrets.of(endpoint.endpoint_id)
    data = EndpointSecret(endpoint_id=endpoint.endpoint_id, secret=secret)
    return Envelope(message="Endpoint created successfully", data=data)


@router.get("/endpoints")
async def list_all(
    caller: CallerDependency, services: ServicesDependency, page: PageDependency
) -> Envelope[list[EndpointDetails]]:
    """List endpoints, newest first, then the end-call URLs of assistants."""
    data = await service.list_all(services, caller, limit=page.limit, offset=page.offset)
    return Envelope(message="Endpoints fetched successfully", data=data)


@router.get("/endpoints/{endpoint_id}")
async def details(
    endpoint_id: str, caller: CallerDependency, services: ServicesDependency
) -> Envelope[EndpointDetails]:
    """Show an endpoint and how posting to it goes. An assistant's end-call URL has the assistant's id."""
    data = await service.details(services, caller, endpoint_id)
    return Envelope(message="Endpoint fetched successfully", data=data)


@router.patch("/endpoints/{endpoint_id}")
async def update(
    endpoint_id: str, body: EndpointChange, caller: CallerDependency, services: ServicesDependency
) -> Envelope[EndpointDetails]:
    """Change any fields; what the endpoint is still owed goes to its new URL."""
    await service.update(services, caller, endpoint_id, body)
    data = await service.details(services, caller, endpoint_id)
    return Envelope(message="Endpoint updated successfully", data=data)


@router.delete("/endpoints/{endpoint_id}")
async def delete(endpoint_id: str, caller: CallerDependency, services: ServicesDependency) -> Envelope[dict[str, str]]:
    """Delete an endpoint; nothing is posted to it any more."""
    await service.delete(services, caller, endpoint_id)
    return Envelope(message="Endpoint deleted successfully", data={"endpoint_id": endpoint_id})


@router.get("/endpoints/{endpoint_id}/secret")
async def secret(endpoint_id: str, caller: CallerDependency, services: ServicesDependency) -> Envelope[EndpointSecret]:
    """Show the secret with which deliveries are signed."""
    found = await service.secret_of(services, caller, endpoint_id)
    data = EndpointSecret(endpoint_id=endpoint_id, secret=found)
    return Envelope(message="Secret fetched successfully", data=data)


@router.post("/endpoints/{endpoint_id}/rotate-secret")
async def rotate_secret(
    endpoint_id: str, body: Rotation, caller: CallerDependency, services: ServicesDependency
) -> Envelope[EndpointSecret]:
    """Make a new secret; every delivery carries both signatures until the overlap ends.

    End-call URLs share one secret, so that rotating it for one assistant rotates it for all.
    """
    fresh = await service.rotate(services, caller, endpoint_id, body.overlap_hours)
    data = EndpointSecret(endpoint_id=endpoint_id, secret=fresh)
    return Envelope(message="Secret rotated successfully", data=data)


@router.post("/endpoints/{endpoint_id}/disable")
async def disable(
    endpoint_id: str, caller: CallerDependency, services: ServicesDependency
) -> Envelope[EndpointDetails]:
    """Post nothing until the endpoint is enabled again; what it misses can be recovered then."""
    await service.disable(services, caller, endpoint_id)
    data = await service.details(services, caller, endpoint_id)
    return Envelope(message="Endpoint disabled successfully", data=data)


@router.post("/endpoints/{endpoint_id}/enable")
async def enable(endpoint_id: str, caller: CallerDependency, services: ServicesDependency) -> Envelope[EndpointDetails]:
    """Post again at once, whatever had the endpoint resting or switched off."""
    await service.enable(services, caller, endpoint_id)
    data = await service.details(services, caller, endpoint_id)
    return Envelope(message="Endpoint enabled successfully", data=data)


@router.post("/endpoints/{endpoint_id}/test", status_code=202)
async def post_example(
    endpoint_id: str, body: ExampleWanted, caller: CallerDependency, services: ServicesDependency
) -> Envelope[Owed]:
    """Post an example of an event, signed like any other; its webhook-id begins with `test_`."""
    delivery = await service.post_example(services, caller, endpoint_id, body.event_type)
    return Envelope(message="Example is on its way", data=Owed(delivery_id=delivery.delivery_id))


@router.post("/endpoints/{endpoint_id}/recover", status_code=202)
async def recover(
    endpoint_id: str, body: Span, caller: CallerDependency, services: ServicesDependency
) -> Envelope[Recovered]:
    """Send again everything that was given up of a time: what an endpoint has missed while it was off or failing."""
    count = await service.recover(services, caller, endpoint_id, body)
    return Envelope(message="Deliveries are on their way", data=Recovered(deliveries=count))


@router.get("/endpoints/{endpoint_id}/deliveries")
async def deliveries(  # noqa: PLR0913, PLR0917  # one parameter a filter
    endpoint_id: str,
    caller: CallerDependency,
    services: ServicesDependency,
    status: DeliveryStatus | None = None,
    event_type: EventType | None = None,
    call_id: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Envelope[DeliveryPage]:
    """List what was delivered to an endpoint, or is owed to it, newest first."""
    filters: dict[str, object] = {"status": status, "event_type": event_type, "call_id": call_id}
    endpoint = await service.find(services, caller, endpoint_id)
    found = await services.delivery_log.page(
        caller.owner,
        endpoint.endpoint_id,
        limit=limit + 1,
        before=place_of(cursor) if cursor else None,
        where={name: value for name, value in filters.items() if value is not None},
    )
    shown = found[:limit]
    page = DeliveryPage(
        deliveries=[DeliverySummary.of(delivery) for delivery in shown],
        next_cursor=cursor_after(shown[-1].created_at, shown[-1].delivery_id) if len(found) > limit else None,
    )
    return Envelope(message="Deliveries fetched successfully", data=page)


@router.get("/deliveries/{delivery_id}")
async def delivery_details(
    delivery_id: str, caller: CallerDependency, services: ServicesDependency
) -> Envelope[DeliveryDetails]:
    """Show a delivery: its body, every attempt, and the beginning of each answer."""
    delivery = await service.find_delivery(services, caller, delivery_id)
    return Envelope(message="Delivery fetched successfully", data=DeliveryDetails.of(delivery))


@router.post("/deliveries/{delivery_id}/redeliver", status_code=202)
async def redeliver(delivery_id: str, caller: CallerDependency, services: ServicesDependency) -> Envelope[Owed]:
    """Send a delivery again now: the same bytes under the same webhook-id."""
    delivery = await service.redeliver(services, caller, delivery_id)
    return Envelope(message="Delivery is on its way", data=Owed(delivery_id=delivery.delivery_id))
