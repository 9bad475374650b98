"""Notices to the people behind an endpoint."""

from typing import Protocol

import structlog
from yarl import URL

from parley_common.db.accounts import Accounts
from parley_common.db.deliveries import Delivery
from parley_common.db.endpoint_health import EndpointHealths
from parley_common.endpoints import DisabledReason, EndpointHealth, Notice
from parley_common.errors import Transient
from parley_common.ids import EventId
from parley_common.mail import Mailer

log = structlog.get_logger()

SUBJECTS = {
    Notice.FAILING: "A webhook endpoint of yours has failed for a day",
    Notice.DISABLED: "A webhook endpoint of yours was switched off",
}
GIVEN_UP_SUBJECT = "Parley could not deliver one of your call reports"
GIVEN_UP = "delivery.given_up"


class Notices(Protocol):
    """Tells an owner what needs a human hand."""

    async def delivery_failed(self, delivery: Delivery) -> None:
        """A delivery was given up; never raises."""

    async def endpoint(self, notice: Notice, event_id: EventId, delivery: Delivery, health: EndpointHealth) -> None:
        """An endpoint has failed for long, as this delivery shows; said again under the same id, it is told once.

        Raises DatabaseUnavailable before anybody is told.
        """


class MailedNotices:
    """Notices by mail to the account's address, and in the log for the operator."""

    def __init__(self, accounts: Accounts, healths: EndpointHealths, mailer: Mailer, backend_url: str) -> None:
        self._accounts = accounts
        self._healths = healths
        self._mailer = mailer
        self._backend_url = backend_url.rstrip("/")

    async def delivery_failed(self, delivery: Delivery) -> None:
        """Mail once a day about one endpoint, however many reports it has missed."""
        log.error(
            "delivery given up",
            call_id=delivery.call_id,
            owner_id=delivery.owner_id,
            delivery_id=delivery.delivery_id,
            attempts=delivery.tries + 1,
        )
        try:
            account = await self._accounts.get(delivery.owner_id)
            if account is not None and await self._healths.claim_notice(delivery.endpoint_id, GIVEN_UP):
                self._mailer.send_soon(account.user_email, GIVEN_UP_SUBJECT, self._given_up(delivery))
        except Transient as error:
            log.warning("owner not told", owner_id=delivery.owner_id, error=type(error).__name__)

    async def endpoint(self, notice: Notice, event_id: EventId, delivery: Delivery, health: EndpointHealth) -> None:
        account = await self._accounts.get(health.owner_id)
        if not await self._healths.claim_notice(health.endpoint_id, event_id):
            return
        log.error(notice, owner_id=health.owner_id, endpoint_id=health.endpoint_id, reason=health.disabled_reason)
        if account is not None:
            self._mailer.send_soon(account.user_email, SUBJECTS[notice], self._failing(delivery, health))

    def _given_up(self, delivery: Delivery) -> str:
        return (
            f"Your endpoint at {_host(delivery)} did not accept an event ({delivery.event_type}) after "
            f"{delivery.tries + 1} attempts, and Parley has given up on it.\n\n"
            f"Once the endpoint answers again, ask for it: POST {self._backend_url}/deliveries/"
            f"{delivery.delivery_id}/redeliver\n"
        )

    def _failing(self, delivery: Delivery, health: EndpointHealth) -> str:
        endpoint = f"{self._backend_url}/endpoints/{health.endpoint_id}"
        since = health.failing_since or delivery.created_at
        state = (
            f"Your endpoint at {_host(delivery)} answered 410 Gone"
            if health.disabled_reason is DisabledReason.GONE
            else f"Your endpoint at {_host(delivery)} has accepted nothing since {since:%Y-%m-%d %H:%M} UTC"
        )
        if health.disabled_at is None:
            return f"{state}. Parley keeps trying, and switches it off after five days.\n\nSee {endpoint}/deliveries\n"
        return (
            f"{state}, and was switched off.\n\nOnce it answers again: POST {endpoint}/enable, then "
            f"POST {endpoint}/recover for what it has missed.\n"
        )


def _host(delivery: Delivery) -> str:
    """Name the endpoint by its host only: the rest of a URL may hold a secret."""
    return URL(delivery.url).host or "?"
