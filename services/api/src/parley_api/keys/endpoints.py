"""Creating and checking API keys."""

import math
import secrets
import time
from typing import Annotated

from fastapi import APIRouter, Body, Header, Request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute

from parley_api.auth import AccountDependency, CallerDependency
from parley_api.envelope import Envelope
from parley_api.errors import ApiError
from parley_api.keys import service
from parley_api.keys.schemas import (
    CreateKey,
    FreshKey,
    FurtherKey,
    KeyCreated,
    KeyDetails,
    KeyOwner,
    KeyRotation,
    WebhookSecret,
)
from parley_api.paging import PageDependency
from parley_api.services import Services, ServicesDependency

router = APIRouter(prefix="/auth", tags=["keys"])

FRESH_KEYS = RateLimitItemPerHour(30)
"""Of one account, at one replica; each is told by a mail, to an address that nobody has confirmed."""


@router.post("/create-key")
async def create_key(
    body: CreateKey,
    request: Request,
    services: ServicesDependency,
    x_signup_token: Annotated[str | None, Header()] = None,
) -> Envelope[KeyCreated]:
    """Open an account; its key is shown in this answer and never again."""
    _check_token(services, x_signup_token)
    address = request.client.host if request.client else "unknown"
    await _check_rate(services, RateLimitItemPerMinute(services.settings.signups_per_minute), address)
    key = await service.create_key(services, body)
    created = KeyCreated(api_key=key, **body.model_dump())
    return Envelope(message="API key created successfully", data=created)


@router.get("/check-key")
async def check_key(account: AccountDependency) -> Envelope[KeyOwner]:
    """Say whose key this is."""
    return Envelope(message="API key is valid", data=KeyOwner.model_validate(account, from_attributes=True))


@router.post("/keys")
async def create_further(
    body: Annotated[FurtherKey, Body(default_factory=FurtherKey)],
    account: AccountDependency,
    services: ServicesDependency,
) -> Envelope[FreshKey]:
    """Make a further key, which opens all that the others open; it is shown in this answer and never again."""
    await _check_rate(services, FRESH_KEYS, account.owner_id)
    key, secret = await service.create_further(services, account, body)
    return Envelope(message="API key created successfully", data=FreshKey.made(key, secret))


@router.get("/keys")
async def list_all(
    caller: CallerDependency, services: ServicesDependency, page: PageDependency
) -> Envelope[list[KeyDetails]]:
    """List keys, newest first, also those that are expired or revoked."""
    keys = await services.keys.page(caller.owner, limit=page.limit, offset=page.offset)
    return Envelope(message="API keys fetched successfully", data=[KeyDetails.of(key) for key in keys])


@router.post("/keys/{key_id}/rotate")
async def rotate(
    key_id: str,
    body: Annotated[KeyRotation, Body(default_factory=KeyRotation)],
    account: AccountDependency,
    services: ServicesDependency,
) -> Envelope[FreshKey]:
    """Make a key in the place of another, which stays valid for a grace time.

    The new one has the name of the old one, and is valid for as long as the old one was made for.
    """
    await _check_rate(services, FRESH_KEYS, account.owner_id)
    key, secret = await service.rotate(services, account, key_id, body.grace_hours)
    return Envelope(message="API key rotated successfully", data=FreshKey.made(key, secret))


@router.delete("/keys/{key_id}")
async def revoke(key_id: str, account: AccountDependency, services: ServicesDependency) -> Envelope[dict[str, str]]:
    """Revoke a key: the next request with it is refused, and its live streams end within 20 seconds."""
    await service.revoke(services, account, key_id)
    return Envelope(message="API key revoked successfully", data={"key_id": key_id})


@router.get("/webhook-secret")
async def webhook_secret(caller: CallerDependency, services: ServicesDependency) -> Envelope[WebhookSecret]:
    """Show the secret with which this account's webhooks are signed (Standard Webhooks)."""
    secret = await services.signing_secrets.of(caller.owner)
    return Envelope(message="Webhook secret fetched successfully", data=WebhookSecret(secret=secret))


def _check_token(services: Services, given: str | None) -> None:
    wanted = services.settings.signup_token
    if wanted is not None and not secrets.compare_digest((given or "").encode(), wanted.get_secret_value().encode()):
        raise ApiError(403, "Signing up needs a valid x-signup-token")


async def _check_rate(services: Services, limit: RateLimitItem, who: str) -> None:
    if not await services.limiter.hit(limit, "create-key", who):
        free_at, _ = await services.limiter.get_window_stats(limit, "create-key", who)
        wait = max(1, math.ceil(free_at - time.time()))
        raise ApiError(429, "Too many requests", headers={"Retry-After": str(wait)})
