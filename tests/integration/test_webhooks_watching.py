"""The circuit breaker: a failing endpoint is spared, its owner is told, and nothing is lost."""

from datetime import timedelta

import pytest

from parley_common.clock import now
from parley_common.db.deliveries import DeliveryStatus
from parley_common.db.journal import BEGINNING
from parley_common.endpoints import DisabledReason, Endpoint, Notice
from parley_common.errors import DatabaseUnavailable
from parley_common.events import CallRinging
from parley_common.worker import running
from parley_webhooks.schedule import LONGEST_RETRY_AFTER
from parley_webhooks.telling import TELL_EVERY
from parley_webhooks.watching import DISABLE_AFTER, RESTS, TRIP_AFTER, rest_after
from tests import factories
from tests.fakes.endpoint import Endpoint as Receiver
from tests.support.mailroom import Mailroom, claim_one


@pytest.fixture
async def listener(mailroom: Mailroom, customer: Receiver) -> Endpoint:
    return await mailroom.listen(customer.url, "call.ringing")


async def owe(mailroom: Mailroom, count: int = 1) -> None:
    for _ in range(count):
        await mailroom.fanout.tell(CallRinging.of(factories.call()))


async def fail(mailroom: Mailroom, customer: Receiver, times: int) -> None:
    """Owe so many events and have each refused once."""
    customer.statuses = [500] * times
    await owe(mailroom, times)
    for _ in range(times):
        await mailroom.deliver_now()


async def deliver_suspect(mailroom: Mailroom) -> None:
    """Post what is most overdue to an endpoint that fails."""
    claimed = await claim_one(mailroom.deliveries, suspect=True)
    assert claimed is not None
    await mailroom.deliver(claimed)


async def age(mailroom: Mailroom, listener: Endpoint, days: timedelta) -> None:
    """Let an endpoint have failed for so long."""
    await mailroom.database.get_collection("endpoint_health").update_one(
        {"_id": listener.endpoint_id}, {"$set": {"failing_since": now() - days}}
    )


async def test_one_failure_moves_whatever_the_endpoint_is_owed_out_of_the_others_way(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    await owe(mailroom)
    await fail(mailroom, customer, 1)
    await owe(mailroom)
    owed = await mailroom.owed_to(listener.endpoint_id)
    assert [one.suspect for one in owed] == [True] * 3
    assert await claim_one(mailroom.deliveries) is None
    assert await claim_one(mailroom.deliveries, suspect=True) is not None


async def test_endpoint_that_is_slow_is_moved_out_of_the_others_way_until_it_is_fast_again(
    mailroom: Mailroom, listener: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owe(mailroom, 3)
    monkeypatch.setattr("parley_webhooks.watching.SLOW_AFTER", timedelta(0))
    for _ in range(2):
        await mailroom.deliver_now()
        await owe(mailroom)
        assert await claim_one(mailroom.deliveries) is None
    monkeypatch.undo()
    await mailroom.deliver_now()
    assert [one.suspect for one in await mailroom.owed_to(listener.endpoint_id) if not one.attempts] == [False] * 2


async def test_slow_endpoint_that_accepts_again_has_not_failed(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(mailroom, customer, 2)
    monkeypatch.setattr("parley_webhooks.watching.SLOW_AFTER", timedelta(0))
    await owe(mailroom)
    await mailroom.deliver_now()
    health = await mailroom.health(listener.endpoint_id)
    assert health is not None
    assert (health.failures, health.failing_since, health.slow) == (0, None, True)


async def test_accepted_delivery_clears_the_endpoint(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    await fail(mailroom, customer, 2)
    await owe(mailroom, 2)
    await mailroom.deliver_now()
    health = await mailroom.health(listener.endpoint_id)
    assert health is not None
    assert (health.failures, health.failing_since, health.resting_until) == (0, None, None)
    pending = [one for one in await mailroom.owed_to(listener.endpoint_id) if one.status is DeliveryStatus.PENDING]
    assert [one.suspect for one in pending] == [False] * 3


async def test_failures_in_a_row_let_the_endpoint_rest(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    await fail(mailroom, customer, TRIP_AFTER)
    health = await mailroom.health(listener.endpoint_id)
    assert health is not None
    assert health.resting_until is not None
    await owe(mailroom)
    for one in await mailroom.owed_to(listener.endpoint_id):
        assert one.next_attempt_at >= health.resting_until
        assert one.tries <= 1, "resting is no attempt"


@pytest.mark.parametrize("status", [429, 503])
async def test_endpoint_that_asks_for_a_rest_is_spared_altogether(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint, status: int
) -> None:
    customer.statuses, customer.headers = [status], {"Retry-After": "600"}
    await owe(mailroom, 2)
    before = now()
    await mailroom.deliver_now()
    await owe(mailroom)
    for one in await mailroom.owed_to(listener.endpoint_id):
        assert one.next_attempt_at >= before + timedelta(seconds=600)


async def test_rest_that_was_asked_for_is_not_cut_short_by_a_failure_that_was_under_way(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    customer.statuses, customer.headers = [429], {"Retry-After": "600"}
    await owe(mailroom, 2)
    under_way = await claim_one(mailroom.deliveries)
    assert under_way is not None
    before = now()
    await mailroom.deliver_now()
    customer.statuses, customer.headers = [500], {}
    await mailroom.deliver(under_way)
    for one in await mailroom.owed_to(listener.endpoint_id):
        assert one.next_attempt_at >= before + timedelta(seconds=600)


async def test_endpoint_may_not_ask_for_a_rest_of_a_year(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    customer.statuses, customer.headers = [503], {"Retry-After": str(365 * 24 * 3600)}
    await owe(mailroom, 2)
    await mailroom.deliver_now()
    for one in await mailroom.owed_to(listener.endpoint_id):
        assert one.next_attempt_at <= now() + LONGEST_RETRY_AFTER


async def test_attempts_that_fail_together_count_as_one(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    customer.statuses = [500] * TRIP_AFTER
    await owe(mailroom, TRIP_AFTER)
    claimed = [await claim_one(mailroom.deliveries) for _ in range(TRIP_AFTER)]
    began_at = now()
    for one in claimed:
        assert one is not None
        await mailroom.healths.note_failure(one.endpoint_id, one.owner_id, began_at)
    health = await mailroom.health(listener.endpoint_id)
    assert health is not None
    assert health.failures == 1


def test_rests_grow_to_a_bound() -> None:
    rests = [rest_after(failures) for failures in range(TRIP_AFTER, TRIP_AFTER + 20)]
    assert rests == sorted(rests)
    assert rests[-1] == RESTS[-1]


async def test_owner_is_told_by_mail_and_by_the_other_endpoints_once_a_day(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    other = await mailroom.listen(customer.url, *Notice)
    await fail(mailroom, customer, 1)
    assert mailroom.notes.endpoints == []
    await age(mailroom, listener, TELL_EVERY)
    await fail(mailroom, customer, 2)
    assert mailroom.notes.endpoints == [(Notice.FAILING, listener.endpoint_id)]
    (told,) = await mailroom.owed_to(other.endpoint_id)
    assert (told.event_type, told.call_id) == ("endpoint.failing", None)
    streamed = await mailroom.journal.after(listener.owner_id, BEGINNING)
    assert [(entry.event_id, entry.body) for entry in streamed] == [(told.event_id, told.body)]
    assert await mailroom.owed_to(listener.endpoint_id)
    assert "endpoint.failing" not in [one.event_type for one in await mailroom.owed_to(listener.endpoint_id)]


@pytest.mark.parametrize(("status", "reason"), [(500, DisabledReason.FAILING), (410, DisabledReason.GONE)])
async def test_endpoint_that_is_gone_or_has_failed_for_days_is_switched_off(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint, status: int, reason: DisabledReason
) -> None:
    await fail(mailroom, customer, 1)
    await age(mailroom, listener, DISABLE_AFTER if reason is DisabledReason.FAILING else timedelta(0))
    customer.statuses = [status]
    await owe(mailroom, 2)
    await mailroom.deliver_now()
    health = await mailroom.health(listener.endpoint_id)
    assert health is not None
    assert health.disabled_reason is reason
    assert {one.status for one in await mailroom.owed_to(listener.endpoint_id)} == {DeliveryStatus.FAILED}
    assert mailroom.notes.endpoints == [(Notice.DISABLED, listener.endpoint_id)]
    await owe(mailroom)
    assert await claim_one(mailroom.deliveries) is None


@pytest.mark.parametrize(
    ("failing_for", "notice", "part", "step"),
    [
        (TELL_EVERY, Notice.FAILING, "scribe", "write"),
        (TELL_EVERY, Notice.FAILING, "deliveries", "add"),
        (TELL_EVERY, Notice.FAILING, "notes", "endpoint"),
        (DISABLE_AFTER, Notice.DISABLED, "scribe", "write"),
        (DISABLE_AFTER, Notice.DISABLED, "deliveries", "add"),
        (DISABLE_AFTER, Notice.DISABLED, "notes", "endpoint"),
        (DISABLE_AFTER, Notice.DISABLED, "healths", "disable"),
        (DISABLE_AFTER, Notice.DISABLED, "deliveries", "give_up"),
    ],
)
async def test_owner_is_told_once_though_the_database_is_lost_in_between(  # noqa: PLR0913, PLR0917  # what breaks, and where
    mailroom: Mailroom,
    customer: Receiver,
    listener: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    failing_for: timedelta,
    notice: Notice,
    part: str,
    step: str,
) -> None:
    async def lost(*_: object) -> None:
        raise DatabaseUnavailable("the database did not answer")

    other = await mailroom.listen(customer.url, *Notice)
    await fail(mailroom, customer, 1)
    await age(mailroom, listener, failing_for)
    await owe(mailroom, 3)
    customer.statuses = [500] * 3
    monkeypatch.setattr(getattr(mailroom, part), step, lost)
    with pytest.raises(DatabaseUnavailable):
        await deliver_suspect(mailroom)
    monkeypatch.undo()
    await deliver_suspect(mailroom)
    assert mailroom.notes.endpoints == [(notice, listener.endpoint_id)]
    assert [told.event_type for told in await mailroom.owed_to(other.endpoint_id)] == [notice]
    assert [entry.event_type for entry in await mailroom.journal.after(listener.owner_id, BEGINNING)] == [notice]


async def test_endpoint_that_fails_for_days_is_told_of_each_day(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await mailroom.listen(customer.url, *Notice)
    await fail(mailroom, customer, 1)
    await age(mailroom, listener, TELL_EVERY)
    await owe(mailroom, 2)
    customer.statuses = [500] * 2
    await deliver_suspect(mailroom)
    monkeypatch.setattr("parley_webhooks.telling.now", lambda: now() + TELL_EVERY)
    await deliver_suspect(mailroom)
    assert len(await mailroom.owed_to(other.endpoint_id)) == 2


async def test_nothing_is_posted_to_an_endpoint_that_is_off_though_whoever_switched_it_off_died(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    await owe(mailroom)
    await mailroom.healths.disable(listener.endpoint_id, listener.owner_id, DisabledReason.GONE)
    await mailroom.listen(customer.url, "call.ended")
    async with running([mailroom.dispatcher.dispatch_forever()]):
        await mailroom.end(None)
        (posted,) = await customer.received()
    assert posted.json["type"] == "call.ended"
    assert [one.status for one in await mailroom.owed_to(listener.endpoint_id)] == [DeliveryStatus.FAILED]


async def test_failure_that_was_under_way_when_the_endpoint_was_switched_off_ends_too(
    mailroom: Mailroom, customer: Receiver, listener: Endpoint
) -> None:
    await owe(mailroom)
    claimed = await claim_one(mailroom.deliveries)
    assert claimed is not None
    await mailroom.healths.disable(listener.endpoint_id, listener.owner_id, DisabledReason.OWNER)
    await mailroom.deliveries.give_up(listener.endpoint_id)
    customer.statuses = [500]
    await mailroom.deliver(claimed)
    (ended,) = await mailroom.owed_to(listener.endpoint_id)
    assert (ended.status, len(ended.attempts)) == (DeliveryStatus.FAILED, 1)
