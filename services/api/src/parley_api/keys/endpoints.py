"""Creating and checking API keys."""

import math
import secrets
import time
from typing import Annotated

from fastapi import APIRouter, Header, Request
from limits import RateLimitItemPerMinute

from parley_api.auth import AccountDependency, CallerDependency
from parley_api.envelope import Envelope
from parley_api.errors import ApiError
from parley_api.keys import service
from parley_api.keys.schemas import CreateKey, KeyCreated, KeyOwner, WebhookSecret
from parley_api.services import Services, ServicesDependency

router = APIRouter(prefix="/auth", tags=["keys"])


@router.post("/create-key")
async def create_key(
    body: CreateKey,
    request: Request,
    services: ServicesDependency,
    x_signup_token: Annotated[str | None, Header()] = None,
) -> Envelope[KeyCreated]:
    """Open an account; its key is shown in this answer and never again."""
    _check_token(services, x_signup_token)
    await _check_rate(services, request)
    key = await service.create_key(services, body)
    created = KeyCreated(api_key=key, **body.model_dump())
    return Envelope(message="API key created successfully", data=created)


@router.get("/check-key")
async def check_key(account: AccountDependency) -> Envelope[KeyOwner]:
    """Say whose key this is."""
    return Envelope(message="API key is valid", data=KeyOwner.model_validate(account, from_attributes=True))


@router.get("/webhook-secret")
async def webhook_secret(caller: CallerDependency, services: ServicesDependency) -> Envelope[WebhookSecret]:
    """Show the secret with which this account's webhooks are signed (Standard Webhooks)."""
    secret = await services.signing_secrets.of(caller.owner)
    return Envelope(message="Webhook secret fetched successfully", data=WebhookSecret(secret=secret))


def _check_token(services: Services, given: str | None) -> None:
    wanted = services.settings.signup_token
    if wanted is not None and not secrets.compare_digest((given or "").encode(), wanted.get_secret_value().encode()):
        raise ApiError(403, "Signing up needs a valid x-signup-token")


async def _check_rate(services: Services, request: Request) -> None:
    limit = RateLimitItemPerMinute(services.settings.signups_per_minute)
    address = request.client.host if request.client else "unknown"
    if not await services.limiter.hit(limit, "create-key", address):
        free_at, _ = await services.limiter.get_window_stats(limit, "create-key", address)
        wait = max(1, math.ceil(free_at - time.time()))
        raise ApiError(429, "Too many requests", headers={"Retry-After": str(wait)})
