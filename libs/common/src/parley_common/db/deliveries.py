"""What is owed to customers' endpoints: one document for each endpoint and event, claimed by lease.

A claim is a lease on the document. Whoever dies between claim and answer lets it lapse, and the same bytes go out
again under the same webhook-id.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pymongo import ASCENDING, ReturnDocument

from parley_common.clock import now
from parley_common.db.mongo import Database, Document, from_document, to_document, translated
from parley_common.errors import AlreadyExists
from parley_common.ids import CallId, EventId, OwnerId

REPORT = "call.ended"
LEASE = timedelta(seconds=40)


class DeliveryStatus(StrEnum):
    """Where a delivery stands; the last two are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryAttempt(BaseModel):
    """One POST and what came back."""

    at: AwareDatetime
    duration_seconds: float
    status_code: int | None = None
    error: str | None = None
    excerpt: str = ""


class Delivery(BaseModel):
    """One event for one endpoint; `body` is written once, before the first attempt, and never changes."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", validate_default=True)

    delivery_id: str
    endpoint_id: str
    owner_id: OwnerId
    call_id: CallId
    event_id: EventId
    event_type: str
    url: str
    occurred_at: AwareDatetime
    created_at: AwareDatetime
    next_attempt_at: AwareDatetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    lease_until: AwareDatetime | None = None
    body: str | None = None
    promises_recording: bool = False
    """The body says that the recording is still being processed, so another event has to follow."""

    attempts: list[DeliveryAttempt] = []

    @property
    def webhook_id(self) -> str:
        """The customer's idempotency key; an event has one for each endpoint."""
        return self.event_id


class Deliveries:
    """Keeps deliveries; decides neither when nor whether to try again."""

    def __init__(self, database: Database) -> None:
        self._deliveries = database.get_collection("webhook_deliveries")

    async def add(self, delivery: Delivery) -> bool:
        """Store a new delivery; False when this endpoint is owed this event already."""
        try:
            with translated():
                await self._deliveries.insert_one(to_document(delivery, "delivery_id"))
        except AlreadyExists:
            return False
        return True

    async def claim_due(self, excluding: Collection[str] = ()) -> Delivery | None:
        """Lease the delivery that is most overdue, of any endpoint but those in `excluding`."""
        moment = now()
        query = {
            "status": DeliveryStatus.PENDING,
            "next_attempt_at": {"$lte": moment},
            "endpoint_id": {"$nin": sorted(excluding)},
            **_unleased(moment),
        }
        with translated():
            document = await self._deliveries.find_one_and_update(
                query,
                {"$set": {"lease_until": moment + LEASE}},
                sort=[("next_attempt_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return _delivery(document) if document else None

    async def write_body(self, delivery: Delivery, body: str, *, promises_recording: bool) -> Delivery | None:
        """Fix the bytes that every attempt will send; None when the lease has gone to somebody else."""
        with translated():
            document = await self._deliveries.find_one_and_update(
                {**_held(delivery), "body": None},
                {"$set": {"body": body, "promises_recording": promises_recording}},
                return_document=ReturnDocument.AFTER,
            )
        return _delivery(document) if document else None

    async def settle(
        self, delivery: Delivery, attempt: DeliveryAttempt, status: DeliveryStatus, next_attempt_at: datetime
    ) -> bool:
        """Write down an attempt and give the lease back; False when the lease has gone to somebody else."""
        facts = {"status": status, "next_attempt_at": next_attempt_at, "lease_until": None}
        with translated():
            result = await self._deliveries.update_one(
                _held(delivery), {"$set": facts, "$push": {"attempts": attempt.model_dump()}}
            )
        return bool(result.modified_count)

    async def report_of(self, call_id: CallId) -> Delivery | None:
        """Return the delivery of a call's report; None when no endpoint is owed one."""
        with translated():
            document = await self._deliveries.find_one({"call_id": call_id, "event_type": REPORT})
        return _delivery(document) if document else None

    async def hasten(self, delivery_id: str) -> bool:
        """Make a delivery due now that has waited with its body unwritten; False when its time had come already."""
        moment = now()
        with translated():
            result = await self._deliveries.update_one(
                {"_id": delivery_id, "body": None, **_unleased(moment)}, {"$set": {"next_attempt_at": moment}}
            )
        return bool(result.matched_count)


def _unleased(moment: datetime) -> Document:
    return {"$or": [{"lease_until": None}, {"lease_until": {"$lte": moment}}]}


def _held(delivery: Delivery) -> Document:
    """Match a delivery only while the lease under which it was read still stands."""
    return {"_id": delivery.delivery_id, "lease_until": delivery.lease_until}


def _delivery(document: Document) -> Delivery:
    return from_document(Delivery, document, "delivery_id")
