"""Endpoints: where an owner's events are posted, and how that has gone lately."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from parley_common.events import PUBLIC
from parley_common.ids import EndpointId, OwnerId


class Notice(StrEnum):
    """What an owner hears about an endpoint; as an event it goes to the owner's other endpoints."""

    FAILING = "endpoint.failing"
    DISABLED = "endpoint.disabled"


EVENT_TYPES = (*PUBLIC, *Notice)
"""Everything that an endpoint can ask for."""


def versioned(event_type: str) -> str:
    """Name an event type with its version; notices are in their first."""
    return PUBLIC[event_type].key if event_type in PUBLIC else f"{event_type}.v1"


class Endpoint(BaseModel):
    """A customer's URL; without `event_types` it gets every event, also those that are invented later."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore")

    endpoint_id: EndpointId
    owner_id: OwnerId
    endpoint_url: str
    endpoint_description: str | None = None
    event_types: list[str] | None = None
    created_at: AwareDatetime
    active: bool = True


class DisabledReason(StrEnum):
    """Who has switched an endpoint off."""

    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """It has accepted nothing for days."""
    REMOVED = "removed"
    """Its assistant has no end-call URL any more."""
    OWNER = "owner"


class EndpointHealth(BaseModel):
    """How posting to an endpoint goes; an endpoint that has none is well."""

    model_config = ConfigDict(extra="ignore")

    endpoint_id: EndpointId
    owner_id: OwnerId
    failures: int = 0
    """Attempts that failed in a row, counting those that were under way together as one."""

    failing_since: AwareDatetime | None = None
    slow: bool = False
    """It accepts what it gets, but takes so long that it would keep others waiting."""

    resting_until: AwareDatetime | None = None
    disabled_at: AwareDatetime | None = None
    disabled_reason: DisabledReason | None = None

    @property
    def suspect(self) -> bool:
        """Whether what it is owed is posted apart, one at a time."""
        return self.slow or self.failures > 0
