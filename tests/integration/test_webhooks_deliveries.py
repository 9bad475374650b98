"""What is owed is kept, claimed by one, and never forgotten."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.deliveries import LEASE, Deliveries, Delivery, DeliveryAttempt, DeliveryStatus, Settlement
from parley_common.ids import EndpointId, OwnerId
from parley_webhooks.settling import Ledger
from tests import factories
from tests.support.mailroom import claim_one, due_of_all

ATTEMPT = DeliveryAttempt(at=now(), duration_seconds=0.1, status_code=500)


def delivery(**overrides: Any) -> Delivery:
    call = factories.call()
    moment = now()
    fields: dict[str, Any] = {
        "delivery_id": f"asst_1:evt_{call.call_id}_2",
        "endpoint_id": "asst_1",
        "owner_id": call.owner_id,
        "call_id": call.call_id,
        "event_id": f"evt_{call.call_id}_2",
        "event_type": "call.ended",
        "url": "http://127.0.0.1:9/",
        "signed_by": call.owner_id,
        "occurred_at": moment,
        "created_at": moment,
        "next_attempt_at": moment,
    }
    return Delivery(**fields | overrides)


@pytest.fixture
def deliveries(database: Database) -> Deliveries:
    return Deliveries(database)


async def lapse(database: Database, claimed: Delivery) -> None:
    """Let the lease end as if its holder had died long ago."""
    past = now() - timedelta(seconds=1)
    await database.get_collection("webhook_deliveries").update_one(
        {"_id": claimed.delivery_id}, {"$set": {"lease_until": past}}
    )


async def test_delivery_comes_back_as_it_was_stored(deliveries: Deliveries) -> None:
    owed = delivery()
    assert await deliveries.add([owed])
    claimed = await claim_one(deliveries)
    assert claimed is not None
    assert claimed.model_copy(update={"lease_until": None, "lease_id": None}) == owed


async def test_same_event_is_owed_to_an_endpoint_once(deliveries: Deliveries) -> None:
    owed = delivery()
    assert await deliveries.add([owed])
    assert not await deliveries.add([owed.model_copy(update={"url": "http://127.0.0.1:9/other"})])


async def test_due_delivery_is_claimed_by_one_of_many(deliveries: Deliveries) -> None:
    await deliveries.add([delivery()])
    claims = await asyncio.gather(*(claim_one(deliveries) for _ in range(10)))
    assert len([claim for claim in claims if claim]) == 1


async def test_many_claims_of_many_deliveries_leave_each_to_one(deliveries: Deliveries) -> None:
    await deliveries.add([delivery(endpoint_id=f"asst_{number}") for number in range(40)])

    async def claim_ten() -> list[str]:
        return [claimed.delivery_id for claimed in await deliveries.claim(await due_of_all(deliveries, 10))]

    claimed: list[str] = []
    while await due_of_all(deliveries, 1):
        for ids in await asyncio.gather(*(claim_ten() for _ in range(8))):
            claimed += ids
    assert len(claimed) == len(set(claimed)) == 40


async def test_claim_that_lost_some_to_a_rival_keeps_the_others(deliveries: Deliveries) -> None:
    await deliveries.add([delivery(endpoint_id=f"asst_{number}") for number in range(3)])
    seen = await due_of_all(deliveries, 3)
    await deliveries.claim(seen[:1])
    won = await deliveries.claim(seen)
    assert {claimed.delivery_id for claimed in won} == {lost.delivery_id for lost in seen[1:]}
    assert all(claimed.lease_id for claimed in won)


async def test_delivery_is_not_claimed_before_its_time(deliveries: Deliveries) -> None:
    await deliveries.add([delivery(next_attempt_at=now() + timedelta(minutes=1))])
    assert await claim_one(deliveries) is None


async def test_most_overdue_delivery_is_claimed_first(deliveries: Deliveries) -> None:
    later, sooner = delivery(), delivery(next_attempt_at=now() - timedelta(minutes=1))
    await deliveries.add([later])
    await deliveries.add([sooner])
    claimed = await claim_one(deliveries)
    assert claimed is not None
    assert claimed.delivery_id == sooner.delivery_id


async def test_excluded_endpoint_waits_and_others_do_not(deliveries: Deliveries) -> None:
    crowded = delivery(next_attempt_at=now() - timedelta(minutes=1))
    free = delivery(endpoint_id="asst_2")
    await deliveries.add([crowded])
    await deliveries.add([free])
    claimed = await claim_one(deliveries, excluding=[EndpointId("asst_1")])
    assert claimed is not None
    assert claimed.endpoint_id == "asst_2"
    assert await claim_one(deliveries, excluding=[EndpointId("asst_1")]) is None


async def test_owner_who_is_not_asked_for_waits_and_nothing_of_theirs_is_read(deliveries: Deliveries) -> None:
    busy = delivery(next_attempt_at=now() - timedelta(minutes=1))
    other = delivery(owner_id=OwnerId("own_other"), endpoint_id="asst_2")
    await deliveries.add([busy, other])
    assert set(await deliveries.owners_due(suspect=False)) == {busy.owner_id, other.owner_id}
    assert await deliveries.due([other.owner_id], 10) == [other]


async def test_claim_of_a_dead_replica_ends_with_its_lease(deliveries: Deliveries, database: Database) -> None:
    await deliveries.add([delivery()])
    first = await claim_one(deliveries)
    assert first is not None
    assert first.lease_until is not None
    assert first.lease_until <= now() + LEASE
    assert await claim_one(deliveries) is None
    await lapse(database, first)
    second = await claim_one(deliveries)
    assert second is not None
    assert second.webhook_id == first.webhook_id


async def test_holder_whose_lease_has_ended_writes_nothing(deliveries: Deliveries, database: Database) -> None:
    await deliveries.add([delivery()])
    first = await claim_one(deliveries)
    assert first is not None
    await lapse(database, first)
    second = await claim_one(deliveries)
    assert second is not None
    assert await deliveries.write_body(first, "late", promises_recording=False) is None
    assert not await deliveries.settle([Settlement(first, ATTEMPT, DeliveryStatus.FAILED, now())])
    assert await deliveries.settle([Settlement(second, ATTEMPT, DeliveryStatus.DELIVERED, now())])


async def test_settled_together_each_is_written_down_but_one_whose_lease_has_ended(
    deliveries: Deliveries, database: Database
) -> None:
    await deliveries.add([delivery(delivery_id=f"asst_1:{number}", event_id=f"evt_{number}") for number in range(3)])
    lost, *held = await deliveries.claim(await due_of_all(deliveries, 3))
    await lapse(database, lost)
    assert await claim_one(deliveries)
    late, *own = [Settlement(claimed, ATTEMPT, DeliveryStatus.DELIVERED, now()) for claimed in (lost, *held)]
    assert await deliveries.settle([late, *own]) == own


async def test_what_comes_back_while_another_is_settled_is_settled_by_one_statement(
    deliveries: Deliveries, database: Database
) -> None:
    await deliveries.add([delivery(delivery_id=f"asst_1:{number}", event_id=f"evt_{number}") for number in range(5)])
    claimed = await deliveries.claim(await due_of_all(deliveries, 5))
    first, *others = [Settlement(each, ATTEMPT, DeliveryStatus.DELIVERED, now()) for each in claimed]
    statements: list[list[Settlement]] = []
    began = asyncio.Event()

    class Watched(Deliveries):
        async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
            statements.append(list(settlements))
            began.set()
            return await super().settle(settlements)

    ledger = Ledger(Watched(database))
    settling = asyncio.create_task(ledger.settle(first))
    await began.wait()
    assert all(await asyncio.gather(settling, *(ledger.settle(each) for each in others)))
    assert statements == [[first], others]


async def test_body_is_written_once(deliveries: Deliveries) -> None:
    await deliveries.add([delivery()])
    claimed = await claim_one(deliveries)
    assert claimed is not None
    written = await deliveries.write_body(claimed, "first", promises_recording=True)
    assert written is not None
    assert (written.body, written.promises_recording) == ("first", True)
    assert await deliveries.write_body(claimed, "second", promises_recording=False) is None


async def test_settled_delivery_keeps_its_attempts(deliveries: Deliveries) -> None:
    owed = delivery()
    await deliveries.add([owed])
    for status in (DeliveryStatus.PENDING, DeliveryStatus.DELIVERED):
        claimed = await claim_one(deliveries)
        assert claimed is not None
        assert await deliveries.settle([Settlement(claimed, ATTEMPT, status, now())])
    assert await claim_one(deliveries) is None
    assert owed.call_id
    (settled,) = await deliveries.reports_of(owed.call_id)
    assert (settled.status, len(settled.attempts)) == (DeliveryStatus.DELIVERED, 2)


async def test_waiting_report_can_be_hastened_until_it_is_being_written(deliveries: Deliveries) -> None:
    waiting = delivery(next_attempt_at=now() + timedelta(minutes=1))
    await deliveries.add([waiting])
    assert await deliveries.hasten(waiting.delivery_id, now())
    assert await claim_one(deliveries) is not None
    assert not await deliveries.hasten(waiting.delivery_id, now())


async def test_what_was_sent_or_missed_is_forgotten_after_thirty_days(database: Database) -> None:
    indexes = await database.get_collection("webhook_deliveries").index_information()
    assert [one["expireAfterSeconds"] for one in indexes.values() if "expireAfterSeconds" in one] == [30 * 24 * 3600]
