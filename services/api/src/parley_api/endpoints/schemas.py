"""Bodies of the endpoints for webhooks."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from parley_api.fields import Moment, Name, distinct
from parley_common.clock import now
from parley_common.db.deliveries import REPORT, Delivery, DeliveryStatus
from parley_common.endpoints import EVENT_TYPES, DisabledReason, Endpoint, EndpointHealth

MAX_OVERLAP_HOURS = 7 * 24


def _known(name: str) -> str:
    if name not in EVENT_TYPES:
        raise PydanticCustomError("event_type", f"must be one of {', '.join(EVENT_TYPES)}")
    return name


type EventType = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(EVENT_TYPES)})]
type EventTypes = Annotated[
    Annotated[list[EventType], Field(min_length=1)] | None,
    AfterValidator(distinct),
    Field(description="Which events to post; null: all, also those that are added later"),
]
type Url = Annotated[str, Field(min_length=1, max_length=2000, examples=["https://hooks.example.com/parley"])]


class EndpointBody(BaseModel):
    """A URL that gets events."""

    model_config = ConfigDict(extra="forbid")

    endpoint_url: Url
    endpoint_description: Name | None = None
    event_types: EventTypes = None


class EndpointChange(BaseModel):
    """What may be changed of an endpoint."""

    model_config = ConfigDict(extra="forbid")

    endpoint_url: Url = ""
    endpoint_description: Name | None = None
    event_types: EventTypes = None


class EndpointStatus(StrEnum):
    """Active; failing: the last attempts were refused; disabled: nothing is posted."""

    ACTIVE = "active"
    FAILING = "failing"
    DISABLED = "disabled"


class EndpointDetails(BaseModel):
    """An endpoint and how posting to it goes."""

    endpoint_id: str
    endpoint_url: str
    endpoint_description: str | None
    event_types: list[str] | None
    end_call_url_of: str | None = Field(description="The assistant whose assistant_end_call_url this is")
    status: EndpointStatus
    failures: int = Field(description="Attempts that failed in a row")
    failing_since: datetime | None
    slow: bool = Field(description="It takes longer than two seconds to accept; one delivery is posted at a time")
    resting_until: datetime | None = Field(description="Nothing is posted before; then one delivery tries it")
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    created_at: datetime

    @classmethod
    def of(cls, endpoint: Endpoint, health: EndpointHealth | None, end_call_url_of: str | None = None) -> Self:
        known = health or EndpointHealth(endpoint_id=endpoint.endpoint_id, owner_id=endpoint.owner_id)
        resting = known.resting_until is not None and known.resting_until > now()
        return cls(
            **endpoint.model_dump(include=set(cls.model_fields)),
            **known.model_dump(include={"failures", "failing_since", "slow", "disabled_at", "disabled_reason"}),
            resting_until=known.resting_until if resting else None,
            end_call_url_of=end_call_url_of,
            status=_status(known),
        )


class EndpointSecret(BaseModel):
    """The secret with which deliveries to an endpoint are signed (Standard Webhooks)."""

    endpoint_id: str
    secret: str


class Rotation(BaseModel):
    """How long the old secret goes on signing beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: Annotated[float, Field(ge=0, le=MAX_OVERLAP_HOURS)] = 24.0


class ExampleWanted(BaseModel):
    """Which event to post an example of."""

    model_config = ConfigDict(extra="forbid")

    event_type: EventType = REPORT


class Span(BaseModel):
    """From when to when the events occurred that are wanted again; up to now when it has no end."""

    model_config = ConfigDict(extra="forbid")

    since: Moment
    until: Moment | None = None


class Recovered(BaseModel):
    """How many deliveries are under way again."""

    deliveries: int


class Owed(BaseModel):
    """A delivery that is under way."""

    delivery_id: str


class DeliverySummary(BaseModel):
    """One event for one endpoint."""

    delivery_id: str
    endpoint_id: str
    webhook_id: str = Field(description="The webhook-id header: the same on every attempt")
    event_type: str
    call_id: str | None
    status: DeliveryStatus
    occurred_at: datetime
    created_at: datetime
    next_attempt_at: datetime | None
    attempts_made: int
    last_status_code: int | None
    last_error: str | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(**_summary(delivery))


class AttemptMade(BaseModel):
    """One POST and the beginning of what came back."""

    at: datetime
    duration_seconds: float
    status_code: int | None
    error: str | None
    excerpt: str


class DeliveryDetails(DeliverySummary):
    """A delivery with its attempts and its body; the body is null until the first attempt."""

    url: str
    attempts: list[AttemptMade]
    body: dict[str, Any] | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(
            **_summary(delivery),
            url=delivery.url,
            attempts=[AttemptMade(**attempt.model_dump()) for attempt in delivery.attempts],
            body=json.loads(delivery.body) if delivery.body else None,
        )


class DeliveryPage(BaseModel):
    """A page of deliveries, newest first; `next_cursor` leads to the next page."""

    deliveries: list[DeliverySummary]
    next_cursor: str | None


def _summary(delivery: Delivery) -> dict[str, Any]:
    last = delivery.attempts[-1] if delivery.attempts else None
    return {
        **delivery.model_dump(include={"delivery_id", "endpoint_id", "event_type", "call_id", "status"}),
        **delivery.model_dump(include={"occurred_at", "created_at"}),
        "webhook_id": delivery.webhook_id,
        "next_attempt_at": delivery.next_attempt_at if delivery.status is DeliveryStatus.PENDING else None,
        "attempts_made": len(delivery.attempts),
        "last_status_code": last.status_code if last else None,
        "last_error": last.error if last else None,
    }


def _status(health: EndpointHealth) -> EndpointStatus:
    if health.disabled_at is not None:
        return EndpointStatus.DISABLED
    return EndpointStatus.FAILING if health.failures else EndpointStatus.ACTIVE
