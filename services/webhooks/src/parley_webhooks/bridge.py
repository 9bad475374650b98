"""The port through which integrators on RabbitMQ hear of events."""

from typing import Protocol

from parley_common.events import Event


class Bridge(Protocol):
    """Passes public events on. Raises BrokerUnavailable; passed on again, an event has the same id."""

    async def pass_on(self, event: Event, body: str) -> None:
        """Say an event to whoever subscribes to its owner's; `body` is what a webhook would post."""
