"""Subscriptions: queues of an owner's own on RabbitMQ, filled with what happens to that owner's calls.

The exchange `parley.public` is shared by all owners, and the routing key begins with whose event it is. The platform
makes every queue and binding, so nobody can ask for another owner's events.
"""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from parley_common.events import PUBLIC
from parley_common.ids import OwnerId

PATTERNS = (*PUBLIC, *sorted({f"{name.partition('.')[0]}.*" for name in PUBLIC}))
"""Everything that a subscription can ask for: a type, or all of one noun, also those that are added later."""


class Subscription(BaseModel):
    """A queue and a user of the same name; without `event_types` it gets every event, also future ones."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore")

    queue_name: str
    owner_id: OwnerId
    subscription_name: str
    event_types: list[str] | None = None
    created_at: AwareDatetime
    ready: bool = False
    """Whether RabbitMQ was once known to have all of it."""

    busy_until: AwareDatetime | None = None
    """Until then somebody may be at work on it, and nobody else is let in."""

    @property
    def binding_keys(self) -> list[str]:
        patterns = [pattern.replace("*", "#") for pattern in self.event_types or ["#"]]
        return [public_key(self.owner_id, pattern) for pattern in patterns]


def queue_name(owner: OwnerId, subscription_name: str) -> str:
    return f"int.{owner}.{subscription_name}"


def public_key(owner: OwnerId, event_type: str) -> str:
    """Return the routing key of an owner's events of a type, or the binding key of a pattern of types."""
    return f"{owner}.{event_type}"
