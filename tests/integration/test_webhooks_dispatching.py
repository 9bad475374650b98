"""Who may be called now: what is due goes out, and one slow customer delays nobody."""

import asyncio
from collections import Counter
from time import monotonic

import pytest

from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.deliveries import LEASE, DeliveryStatus
from parley_common.ids import OwnerId
from parley_common.worker import running
from parley_webhooks.delivering import Courier
from parley_webhooks.dispatching import SUSPECT_WRITERS
from parley_webhooks.lanes import POLL_SECONDS
from tests import factories
from tests.fakes.endpoint import Endpoint, endpoint
from tests.support.desk import reached
from tests.support.mailroom import Mailroom, claim_one, opened


async def test_dispatcher_delivers_new_work_at_once(mailroom: Mailroom, customer: Endpoint) -> None:
    async with running([mailroom.dispatcher.dispatch_forever()]):
        await mailroom.end(customer.url)
        await customer.received()


async def test_dispatcher_delivers_again_when_the_time_has_come(mailroom: Mailroom, customer: Endpoint) -> None:
    customer.statuses = [500]
    async with running([mailroom.dispatcher.dispatch_forever()]):
        call, _ = await mailroom.end(customer.url)
        await customer.received(1)
        await mailroom.make_due(call)
        await customer.received(2)


async def test_slow_endpoint_delays_nobody(database: Database, customer: Endpoint) -> None:
    async with opened(database, parallel_per_endpoint=2) as mailroom, endpoint() as other:
        customer.gate.clear()
        async with running([mailroom.dispatcher.dispatch_forever()]):
            for _ in range(30):
                await mailroom.end(customer.url)
            await customer.received(2)
            assistant = factories.assistant(assistant_id="asst_other", end_call_url=other.url)
            await mailroom.end(other.url, assistant=assistant)
            await other.received()
            assert len(customer.posted) == 2
            customer.gate.set()
            await customer.received(30)


async def test_two_slow_customers_with_backlogs_delay_no_third(database: Database, customer: Endpoint) -> None:
    async with opened(database) as mailroom, endpoint() as other:
        customer.gate.clear()
        for slow in ("slow", "slower"):
            for number in range(30):
                assistant = factories.assistant(assistant_id=f"asst_{slow}_{number}", end_call_url=customer.url)
                await mailroom.end(customer.url, assistant=assistant, owner_id=OwnerId(f"own_{slow}"))
        async with running([mailroom.dispatcher.dispatch_forever()]):
            await customer.received(10)
            await mailroom.end(other.url, owner_id=OwnerId("own_third"))
            await other.received()
            customer.gate.set()
            await customer.received(60)


async def test_quick_customers_with_deep_backlogs_keep_no_other_waiting(database: Database, customer: Endpoint) -> None:
    """Their places get free as fast as they are taken: that is no reason not to ask who else has come."""
    async with opened(database, parallel=100) as mailroom, endpoint() as other:
        for name in ("quick", "quicker", "quickest"):
            for number in range(100):
                assistant = factories.assistant(assistant_id=f"asst_{name}_{number}", end_call_url=customer.url)
                await mailroom.end(customer.url, assistant=assistant, owner_id=OwnerId(f"own_{name}"))
        async with running([mailroom.dispatcher.dispatch_forever()]):
            await customer.received(10)
            await mailroom.end(other.url, owner_id=OwnerId("own_other"))
            before = len(customer.posted)
            await other.received()
            assert len(customer.posted) - before < 100, "more went first than there are places"


async def test_delivery_of_a_replica_that_died_between_claim_and_answer_goes_out_again(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    customer.gate.clear()
    await mailroom.end(customer.url)
    claimed = await claim_one(mailroom.deliveries)
    assert claimed is not None
    dying = asyncio.create_task(mailroom.deliver(claimed))
    await customer.received(1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    customer.gate.set()
    await mailroom.database.get_collection("webhook_deliveries").update_one(
        {"_id": claimed.delivery_id}, {"$set": {"lease_until": now() - LEASE}}
    )
    async with running([mailroom.dispatcher.dispatch_forever()]):
        first, second = await customer.received(2)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_answer_that_comes_while_the_service_stops_is_kept(mailroom: Mailroom, customer: Endpoint) -> None:
    customer.gate.clear()
    call, _ = await mailroom.end(customer.url)
    async with running([mailroom.dispatcher.dispatch_forever()]):
        await customer.received(1)
        asyncio.get_running_loop().call_later(0.05, customer.gate.set)
    assert (await mailroom.owed(call)).status is DeliveryStatus.DELIVERED


async def test_suspects_that_are_looked_for_slowly_delay_nobody(
    mailroom: Mailroom, customer: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = mailroom.deliveries.owners_due

    async def owners_due(*, suspect: bool) -> list[OwnerId]:
        if suspect:
            await asyncio.Event().wait()
        return await really(suspect=suspect)

    monkeypatch.setattr(mailroom.deliveries, "owners_due", owners_due)
    async with running([mailroom.dispatcher.dispatch_forever()]):
        await mailroom.end(customer.url)
        await customer.received()


async def test_news_for_those_who_answer_has_no_backlog_of_suspects_read(
    mailroom: Mailroom, customer: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, began = mailroom.deliveries.owners_due, monotonic()
    looks = 0

    async def owners_due(*, suspect: bool) -> list[OwnerId]:
        nonlocal looks
        looks += suspect
        return await really(suspect=suspect)

    monkeypatch.setattr(mailroom.deliveries, "owners_due", owners_due)
    async with running([mailroom.dispatcher.dispatch_forever()]):
        for number in range(1, 21):
            await mailroom.end(customer.url)
            await customer.received(number)
    assert looks <= 1 + (monotonic() - began) / POLL_SECONDS


async def test_what_suspects_are_told_and_answer_is_written_one_by_one(
    database: Database, customer: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer.statuses = [500] * 10
    writing, most, written = 0, 0, Counter[str]()

    def watch(courier: Courier, name: str) -> None:
        really = getattr(courier, name)

        async def watched(given: object) -> object:
            nonlocal writing, most
            writing, most = writing + 1, max(most, writing + 1)
            try:
                return await really(given)
            finally:
                writing -= 1
                written[name] += 1

        monkeypatch.setattr(courier, name, watched)

    async with opened(database, parallel=40) as mailroom:
        watch(mailroom.courier, "write")
        watch(mailroom.courier, "settle")
        for _ in range(10):
            suspect = await mailroom.listen(customer.url, "call.ended")
            await mailroom.healths.note_failure(suspect.endpoint_id, suspect.owner_id, now())
        await mailroom.end(None)
        async with running([mailroom.dispatcher.dispatch_forever()]):
            await reached(lambda: min(written["write"], written["settle"]) >= 10)
    assert most == SUSPECT_WRITERS


async def test_replicas_share_out_what_is_due_and_post_nothing_twice(database: Database, customer: Endpoint) -> None:
    async with opened(database) as one, opened(database) as other:
        for _ in range(60):
            await one.end(customer.url)
        replicas = [one.dispatcher.dispatch_forever(), other.dispatcher.dispatch_forever()]
        async with running(replicas):
            posted = await customer.received(60)
        ids = [request.headers["webhook-id"] for request in posted]
    assert len(ids) == len(set(ids)) == 60
