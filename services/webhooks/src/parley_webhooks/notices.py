"""Notices to the people behind an endpoint."""

from typing import Protocol

import structlog

from parley_common.db.deliveries import Delivery

log = structlog.get_logger()


class Notices(Protocol):
    """Tells an owner what needs a human hand."""

    async def delivery_failed(self, delivery: Delivery) -> None:
        """A delivery was given up; never raises."""


class LoggedNotices:
    """Notices for the operator's eyes: a line in the log."""

    async def delivery_failed(self, delivery: Delivery) -> None:
        log.error(
            "delivery given up",
            call_id=delivery.call_id,
            owner_id=delivery.owner_id,
            delivery_id=delivery.delivery_id,
            attempts=len(delivery.attempts) + 1,
        )
