"""The rules about subscriptions.

Each is reserved in the database before RabbitMQ hears of it, and forgotten there last: nothing is ever on RabbitMQ that
its owner could not see and delete. Whoever changes one holds it, so that two never work on one at once.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from parley_api.auth import Caller
from parley_api.envelope import FieldError, FieldErrors
from parley_api.errors import ApiError
from parley_api.services import Services
from parley_api.subscriptions.schemas import SubscriptionAccess, SubscriptionBody, SubscriptionDetails
from parley_common.clock import now
from parley_common.errors import ParleyError
from parley_common.subscriptions import Subscription, queue_name

log = structlog.get_logger()

MAX_SUBSCRIPTIONS = 10


async def create(services: Services, caller: Caller, body: SubscriptionBody) -> SubscriptionAccess:
    """Make all of it, or nothing; what cannot be taken back at once keeps its name until it is made or deleted."""
    subscription = Subscription(
        **body.model_dump(),
        queue_name=queue_name(caller.owner, body.subscription_name),
        owner_id=caller.owner,
        created_at=now(),
    )
    if not await services.subscriptions.reserve(subscription):
        raise _taken()
    try:
        await _check_number(services, caller)
        await services.management.remove(subscription.queue_name)  # what an earlier try may have left
        access = await _provide(services, subscription)
        await services.subscriptions.let_go(subscription, ready=True)
    except (ApiError, ParleyError):
        await _take_back(services, subscription)
        raise
    return access


async def details(services: Services, caller: Caller, subscription_name: str) -> SubscriptionDetails:
    subscription = await services.subscriptions.find(caller.owner, subscription_name)
    if subscription is None:
        raise _not_found()
    return SubscriptionDetails.of(subscription, await services.management.state_of(subscription.queue_name))


async def rotate(services: Services, caller: Caller, subscription_name: str) -> SubscriptionAccess:
    """Make a new password, and whatever else is missing; the queue keeps what waits in it."""
    async with _holding(services, caller, subscription_name) as subscription:
        access = await _provide(services, subscription)
        await services.management.disconnect(subscription.queue_name)
        await services.subscriptions.let_go(subscription, ready=True)
    return access


async def delete(services: Services, caller: Caller, subscription_name: str) -> None:
    async with _holding(services, caller, subscription_name) as subscription:
        await services.management.remove(subscription.queue_name)
        await services.subscriptions.delete(subscription)


async def _provide(services: Services, subscription: Subscription) -> SubscriptionAccess:
    password = secrets.token_urlsafe(32)
    await services.management.provide(subscription.queue_name, subscription.binding_keys, password)
    return SubscriptionAccess(
        subscription_name=subscription.subscription_name,
        queue_name=subscription.queue_name,
        amqp_url=services.management.address(subscription.queue_name, password),
    )


async def _check_number(services: Services, caller: Caller) -> None:
    """Count the one that was just reserved too: of two that come at once, neither is one too many."""
    if await services.subscriptions.count(caller.owner) > MAX_SUBSCRIPTIONS:
        raise ApiError(409, f"An account has {MAX_SUBSCRIPTIONS} subscriptions at most")


async def _take_back(services: Services, subscription: Subscription) -> None:
    try:
        await services.management.remove(subscription.queue_name)
        await services.subscriptions.delete(subscription)
    except ParleyError as error:
        log.warning("subscription left unfinished", queue=subscription.queue_name, error=type(error).__name__)
        await services.subscriptions.let_go(subscription, ready=False)


@asynccontextmanager
async def _holding(services: Services, caller: Caller, subscription_name: str) -> AsyncIterator[Subscription]:
    """Keep others off a subscription while it is changed on RabbitMQ."""
    subscription = await services.subscriptions.hold(caller.owner, subscription_name)
    if subscription is None:
        if await services.subscriptions.find(caller.owner, subscription_name) is None:
            raise _not_found()
        raise ApiError(409, "The subscription is being changed at this moment")
    try:
        yield subscription
    except ParleyError:
        await services.subscriptions.let_go(subscription, ready=subscription.ready)
        raise


def _taken() -> ApiError:
    error = FieldError(field="subscription_name", reason="is taken by another subscription")
    return ApiError(409, "Subscription with this name already exists", data=FieldErrors(errors=[error]))


def _not_found() -> ApiError:
    return ApiError(404, "Subscription not found")
