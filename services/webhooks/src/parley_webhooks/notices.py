"""Notices to the people behind an endpoint."""

from datetime import datetime, timedelta
from typing import Protocol

import structlog
from yarl import URL

from parley_common.clock import now
from parley_common.db.accounts import Accounts
from parley_common.db.deliveries import Delivery
from parley_common.errors import Transient
from parley_common.mail import Mailer

log = structlog.get_logger()

SUBJECT = "Parley could not deliver your call reports"
QUIET_FOR = timedelta(days=1)
"""One mail a day about one endpoint, however many reports it has missed."""


class Notices(Protocol):
    """Tells an owner what needs a human hand."""

    async def delivery_failed(self, delivery: Delivery) -> None:
        """A delivery was given up; never raises."""


class MailedNotices:
    """Notices by mail to the account's address, and in the log for the operator."""

    def __init__(self, accounts: Accounts, mailer: Mailer, backend_url: str) -> None:
        self._accounts = accounts
        self._mailer = mailer
        self._backend_url = backend_url.rstrip("/")
        self._told: dict[str, datetime] = {}

    async def delivery_failed(self, delivery: Delivery) -> None:
        log.error(
            "delivery given up",
            call_id=delivery.call_id,
            owner_id=delivery.owner_id,
            delivery_id=delivery.delivery_id,
            attempts=len(delivery.attempts) + 1,
        )
        told = self._told.get(delivery.endpoint_id)
        if told is not None and now() - told < QUIET_FOR:
            return
        self._told[delivery.endpoint_id] = now()
        try:
            account = await self._accounts.get(delivery.owner_id)
        except Transient as error:
            log.warning("owner not told", owner_id=delivery.owner_id, error=type(error).__name__)
            return
        if account is not None:
            self._mailer.send_soon(account.user_email, SUBJECT, self._text(delivery))

    def _text(self, delivery: Delivery) -> str:
        """Name the endpoint by its host only: the rest of a URL may hold a secret."""
        return (
            f"Your endpoint at {URL(delivery.url).host} did not accept the report of call {delivery.call_id}, "
            f"and Parley has given up on it (attempts: {len(delivery.attempts) + 1}).\n\n"
            f"The call is still there: {self._backend_url}/call/{delivery.call_id}\n"
        )
