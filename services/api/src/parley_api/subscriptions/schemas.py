"""Bodies of the subscription endpoints."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from parley_api.fields import distinct
from parley_api.subscriptions.management import QueueState
from parley_common.subscriptions import PATTERNS, Subscription

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise PydanticCustomError(
            "subscription_name", "must be 1 to 50 lower-case letters, digits and hyphens, e.g. crm-sync"
        )
    return value


def _known(pattern: str) -> str:
    if pattern not in PATTERNS:
        raise PydanticCustomError("event_type", f"must be one of {', '.join(PATTERNS)}")
    return pattern


type SubscriptionName = Annotated[
    str,
    AfterValidator(_name),
    Field(examples=["crm-sync"], json_schema_extra={"pattern": f"^{_NAME.pattern}$"}),
]
type EventPattern = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(PATTERNS)})]
type EventPatterns = Annotated[
    Annotated[list[EventPattern], Field(min_length=1)] | None,
    AfterValidator(distinct),
    Field(description="Which events to get; null: all, also those that are added later"),
]


class SubscriptionBody(BaseModel):
    """A queue on RabbitMQ that gets events."""

    model_config = ConfigDict(extra="forbid")

    subscription_name: SubscriptionName
    event_types: EventPatterns = None


class SubscriptionAccess(BaseModel):
    """How a subscription is read; the address holds its password and is shown once."""

    subscription_name: str
    queue_name: str
    amqp_url: str


class SubscriptionStatus(StrEnum):
    """Active; unfinished: RabbitMQ failed while it was made; expired: unread for so long that its queue is gone.

    A new password makes an unfinished or expired one whole.
    """

    ACTIVE = "active"
    UNFINISHED = "unfinished"
    EXPIRED = "expired"


class SubscriptionSummary(BaseModel):
    """One line of the list."""

    subscription_name: str
    queue_name: str
    event_types: list[str] | None
    created_at: datetime


class SubscriptionDetails(SubscriptionSummary):
    """A subscription and its queue as RabbitMQ counted it in the last seconds."""

    status: SubscriptionStatus
    messages: int = Field(description="Events that wait, or that a consumer holds unacknowledged")
    consumers: int

    @classmethod
    def of(cls, subscription: Subscription, state: QueueState | None) -> Self:
        return cls(
            **subscription.model_dump(include=set(SubscriptionSummary.model_fields)),
            status=_status(subscription, state),
            messages=state.messages if state else 0,
            consumers=state.consumers if state else 0,
        )


def _status(subscription: Subscription, state: QueueState | None) -> SubscriptionStatus:
    if not subscription.ready:
        return SubscriptionStatus.UNFINISHED
    return SubscriptionStatus.ACTIVE if state else SubscriptionStatus.EXPIRED
