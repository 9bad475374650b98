"""Owners are told by mail when a report was given up: once a day, and nothing that is nobody's business."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from parley_common.accounts import Account
from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.accounts import Accounts
from parley_common.db.deliveries import Delivery
from parley_common.db.endpoint_health import EndpointHealths
from parley_common.endpoints import DisabledReason, EndpointHealth, Notice
from parley_common.ids import EndpointId, EventId
from parley_common.mail import Mailer
from parley_common.settings import SmtpSettings
from parley_webhooks.notices import GIVEN_UP_SUBJECT, SUBJECTS, MailedNotices
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
        "signed_by": call.owner_id,
        "url": "https://hooks.example.com/reports?token=hidden",
        "occurred_at": now(),
        "created_at": now(),
        "next_attempt_at": now(),
        "body": '{"to_number": "+15550000200"}',
    }
    return Delivery(**fields | overrides)


async def tell(database: Database, smtp: SmtpSettings, *failed: Delivery, **health: Any) -> None:
    """Give the owner an account and report the failures, or what has become of their endpoint."""
    accounts = Accounts(database)
    owner = Account(owner_id=factories.call().owner_id, user_name="Owner", user_email=OWNER_EMAIL, created_at=now())
    await accounts.insert(owner)
    mailer = Mailer(smtp)
    notices = MailedNotices(accounts, EndpointHealths(database), mailer, "https://parley.example.com/")
    for one in failed:
        if health:
            known = EndpointHealth(endpoint_id=one.endpoint_id, owner_id=one.owner_id, **health)
            notice = Notice.DISABLED if known.disabled_at else Notice.FAILING
            await notices.endpoint(notice, EventId(f"evt_{notice.name}"), one, known)
        else:
            await notices.delivery_failed(one)
    await mailer.drain()


def smtp(postbox: Postbox) -> SmtpSettings:
    return SmtpSettings(smtp_host="127.0.0.1", smtp_port=postbox.port)


async def test_owner_gets_a_mail_about_a_report_that_was_given_up(database: Database, postbox: Postbox) -> None:
    failed = delivery()
    await tell(database, smtp(postbox), failed)
    (mail,) = postbox.mails
    text = mail.get_content()
    assert (mail["To"], mail["Subject"]) == (OWNER_EMAIL, GIVEN_UP_SUBJECT)
    assert f"https://parley.example.com/deliveries/{failed.delivery_id}/redeliver" in text


async def test_mail_names_the_host_and_neither_token_nor_number(database: Database, postbox: Postbox) -> None:
    await tell(database, smtp(postbox), delivery())
    text = postbox.mails[0].get_content()
    assert "hooks.example.com" in text
    assert "hidden" not in text
    assert "+1555" not in text


async def test_owner_learns_since_when_an_endpoint_fails_and_where_to_look(
    database: Database, postbox: Postbox
) -> None:
    await tell(database, smtp(postbox), delivery(), failing_since=datetime(2026, 3, 20, 10, 0, tzinfo=UTC))
    text = postbox.mails[0].get_content()
    assert postbox.mails[0]["Subject"] == SUBJECTS[Notice.FAILING]
    assert "nothing since 2026-03-20 10:00 UTC" in text
    assert "https://parley.example.com/endpoints/asst_1/deliveries" in text
    assert "hidden" not in text


@pytest.mark.parametrize(("reason", "said"), [(DisabledReason.GONE, "410"), (DisabledReason.FAILING, "nothing since")])
async def test_owner_learns_why_an_endpoint_was_switched_off_and_how_to_switch_it_on(
    database: Database, postbox: Postbox, reason: DisabledReason, said: str
) -> None:
    await tell(database, smtp(postbox), delivery(), disabled_at=now(), disabled_reason=reason)
    text = postbox.mails[0].get_content()
    assert postbox.mails[0]["Subject"] == SUBJECTS[Notice.DISABLED]
    assert said in text
    assert "POST https://parley.example.com/endpoints/asst_1/enable" in text


async def test_notice_that_comes_again_is_one_mail(database: Database, postbox: Postbox) -> None:
    await tell(database, smtp(postbox), delivery(), delivery(), failing_since=now())
    assert len(postbox.mails) == 1


async def test_one_endpoint_is_one_mail_a_day(database: Database, postbox: Postbox) -> None:
    await tell(database, smtp(postbox), delivery(), delivery(), delivery(endpoint_id=EndpointId("asst_2")))
    assert len(postbox.mails) == 2


async def test_unknown_owner_gets_no_mail(database: Database, postbox: Postbox) -> None:
    await tell(database, smtp(postbox), delivery(owner_id="own_unknown"))
    assert postbox.mails == []


async def test_without_a_mail_server_a_failure_is_only_logged(database: Database, postbox: Postbox) -> None:
    await tell(database, SmtpSettings(smtp_host=None), delivery())
    assert postbox.mails == []
