"""What is counted about deliveries, and about events that are passed on. An owner is never a label: they grow."""

from prometheus_client import Counter, Histogram

from parley_common.clock import now
from parley_common.db.deliveries import REPORT, Delivery, DeliveryStatus

ATTEMPTS = Counter("parley_webhook_attempts_total", "Attempts by event type and what came of them.", ["type", "status"])
BRIDGED = Counter("parley_bridged_events_total", "Events passed on to integrators' exchange, by event type.", ["type"])
REPORT_SECONDS = Histogram(
    "parley_report_seconds",
    "From the end of a call to the acceptance of its report.",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 300, 1800, 7200, 36_000, 172_800),
)


def count(delivery: Delivery, status: DeliveryStatus) -> None:
    ATTEMPTS.labels(delivery.event_type, status).inc()
    if status is DeliveryStatus.DELIVERED and delivery.event_type == REPORT:
        REPORT_SECONDS.observe((now() - delivery.occurred_at).total_seconds())
