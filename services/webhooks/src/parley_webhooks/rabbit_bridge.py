"""Integrators' exchange on RabbitMQ. Nothing but what is published here reaches their queues."""

from faststream.rabbit import RabbitBroker

from parley_common import broker
from parley_common.events import Event
from parley_webhooks import metrics


class RabbitBridge:
    """Bridge over the connection that publishes; an event without subscribers is dropped by the broker."""

    def __init__(self, publishes: RabbitBroker) -> None:
        self._publishes = publishes

    async def pass_on(self, event: Event, body: str) -> None:
        await broker.publish_outside(self._publishes, event, body)
        metrics.BRIDGED.labels(event.name()).inc()
