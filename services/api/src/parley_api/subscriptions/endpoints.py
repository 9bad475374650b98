"""Subscriptions over HTTP."""

from fastapi import APIRouter

from parley_api.auth import CallerDependency
from parley_api.envelope import Envelope
from parley_api.paging import PageDependency
from parley_api.services import ServicesDependency
from parley_api.subscriptions import service
from parley_api.subscriptions.schemas import (
    SubscriptionAccess,
    SubscriptionBody,
    SubscriptionDetails,
    SubscriptionSummary,
)

router = APIRouter(tags=["subscriptions"])


@router.post("/subscriptions")
async def create(
    body: SubscriptionBody, caller: CallerDependency, services: ServicesDependency
) -> Envelope[SubscriptionAccess]:
    """Make a queue that gets events, and the user that reads it; the address is shown in this answer only."""
    data = await service.create(services, caller, body)
    return Envelope(message="Subscription created successfully", data=data)


@router.get("/subscriptions")
async def list_all(
    caller: CallerDependency, services: ServicesDependency, page: PageDependency
) -> Envelope[list[SubscriptionSummary]]:
    """List subscriptions, newest first."""
    found = await services.subscriptions.page(caller.owner, limit=page.limit, offset=page.offset)
    data = [SubscriptionSummary.model_validate(one, from_attributes=True) for one in found]
    return Envelope(message="Subscriptions fetched successfully", data=data)


@router.get("/subscriptions/{subscription_name}")
async def details(
    subscription_name: str, caller: CallerDependency, services: ServicesDependency
) -> Envelope[SubscriptionDetails]:
    """Show a subscription, how much waits in its queue, and whether somebody reads it."""
    data = await service.details(services, caller, subscription_name)
    return Envelope(message="Subscription fetched successfully", data=data)


@router.post("/subscriptions/{subscription_name}/rotate-password")
async def rotate_password(
    subscription_name: str, caller: CallerDependency, services: ServicesDependency
) -> Envelope[SubscriptionAccess]:
    """Make a new password; the old one ends at once, and so do the connections that used it. The queue stays."""
    data = await service.rotate(services, caller, subscription_name)
    return Envelope(message="Password rotated successfully", data=data)


@router.delete("/subscriptions/{subscription_name}")
async def delete(
    subscription_name: str, caller: CallerDependency, services: ServicesDependency
) -> Envelope[dict[str, str]]:
    """Delete a subscription with all that waits in its queue; its connections end."""
    await service.delete(services, caller, subscription_name)
    return Envelope(message="Subscription deleted successfully", data={"subscription_name": subscription_name})
