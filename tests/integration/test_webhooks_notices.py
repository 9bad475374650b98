"""Owners are told by mail when a report was given up: once a day, and nothing that is nobody's business."""

from collections.abc import Iterator
from typing import Any

import pytest

from parley_common.accounts import Account
from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.accounts import Accounts
from parley_common.db.deliveries import Delivery
from parley_common.mail import Mailer
from parley_common.settings import SmtpSettings
from parley_webhooks.notices import SUBJECT, MailedNotices
from tests import factories
from tests.support.postbox import Postbox, postbox_at

OWNER_EMAIL = "owner@example.com"


@pytest.fixture
def postbox(unused_tcp_port: int) -> Iterator[Postbox]:
    with postbox_at(unused_tcp_port) as box:
        yield box


def delivery(**overrides: Any) -> Delivery:
    call = factories.call()
    fields: dict[str, Any] = {
        "delivery_id": "asst_1:evt_1",
        "endpoint_id": "asst_1",
        "owner_id": call.owner_id,
        "call_id": call.call_id,
        "event_id": "evt_1",
        "event_type": "call.ended",
        "url": "https://hooks.example.com/reports?token=hidden",
        "occurred_at": now(),
        "created_at": now(),
        "next_attempt_at": now(),
        "body": '{"to_number": "+15550000200"}',
    }
    return Delivery(**fields | overrides)


async def tell(database: Database, smtp: SmtpSettings, *failed: Delivery) -> None:
    """Give the owner an account and report the failures."""
    accounts = Accounts(database)
    owner = Account(owner_id=factories.call().owner_id, user_name="Owner", user_email=OWNER_EMAIL, created_at=now())
    await accounts.insert(owner)
    mailer = Mailer(smtp)
    notices = MailedNotices(accounts, mailer, "https://parley.example.com/")
    for one in failed:
        await notices.delivery_failed(one)
    await mailer.drain()


def smtp(postbox: Postbox) -> SmtpSettings:
    return SmtpSettings(smtp_host="127.0.0.1", smtp_port=postbox.port)


async def test_owner_gets_a_mail_about_a_report_that_was_given_up(database: Database, postbox: Postbox) -> None:
    failed = delivery()
    await tell(database, smtp(postbox), failed)
    (mail,) = postbox.mails
    text = mail.get_content()
    assert (mail["To"], mail["Subject"]) == (OWNER_EMAIL, SUBJECT)
    assert f"https://parley.example.com/call/{failed.call_id}" in text


async def test_mail_names_the_host_and_neither_token_nor_number(database: Database, postbox: Postbox) -> None:
    await tell(database, smtp(postbox), delivery())
    text = postbox.mails[0].get_content()
    assert "hooks.example.com" in text
    assert "hidden" not in text
    assert "+1555" not in text


async def test_one_endpoint_is_one_mail_a_day(database: Database, postbox: Postbox) -> None:
    await tell(database, smtp(postbox), delivery(), delivery(), delivery(endpoint_id="asst_2"))
    assert len(postbox.mails) == 2


async def test_unknown_owner_gets_no_mail(database: Database, postbox: Postbox) -> None:
    await tell(database, smtp(postbox), delivery(owner_id="own_unknown"))
    assert postbox.mails == []


async def test_without_a_mail_server_a_failure_is_only_logged(database: Database, postbox: Postbox) -> None:
    await tell(database, SmtpSettings(smtp_host=None), delivery())
    assert postbox.mails == []
