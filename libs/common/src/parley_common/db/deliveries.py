"""What is owed to customers' endpoints: one document for each endpoint and event, claimed by lease.

A claim is a lease on the document. Whoever dies between claim and answer lets it lapse, and the same bytes go out
again under the same webhook-id. Deliveries to endpoints that have failed lately are marked `suspect` and claimed
apart, so that however many of them hang, the others find places free.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pymongo import ASCENDING, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from parley_common.clock import now
from parley_common.db.mongo import Database, Document, from_document, to_document, translated
from parley_common.events import CallDeleted, CallEnded
from parley_common.ids import EXAMPLE, CallId, EndpointId, EventId, OwnerId

COLLECTION = "webhook_deliveries"
REPORT = CallEnded.name()
LEASE = timedelta(seconds=40)
KEPT = timedelta(days=30)
_DUPLICATE_KEY = 11000


class DeliveryStatus(StrEnum):
    """Where a delivery stands; the last two are final until the owner asks for it again."""

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
    endpoint_id: EndpointId
    owner_id: OwnerId
    call_id: CallId | None
    event_id: EventId
    event_type: str
    url: str
    signed_by: str
    """Whose signing secret: the endpoint's own, or the owner's for an assistant's end-call URL."""

    occurred_at: AwareDatetime
    created_at: AwareDatetime
    next_attempt_at: AwareDatetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    suspect: bool = False
    lease_until: AwareDatetime | None = None
    lease_id: str | None = None
    """Who holds the lease: two that end in the same millisecond are told apart."""

    body: str | None = None
    promises_recording: bool = False
    """The body says that the recording is still being processed, so another event has to follow."""

    promises_analysis: bool = False
    """The body says that the analysis is still being processed."""

    tries: int = 0
    """Attempts since it was owed, or since its owner asked for it again; the schedule goes by them."""

    attempts: list[DeliveryAttempt] = []

    @property
    def is_leased(self) -> bool:
        return self.lease_until is not None and self.lease_until > now()

    @property
    def webhook_id(self) -> str:
        """The customer's idempotency key; an event has one for each endpoint."""
        return self.event_id


@dataclass(frozen=True, eq=False)
class Settlement:
    """What came of a claimed delivery, and what is to become of it."""

    delivery: Delivery
    attempt: DeliveryAttempt
    status: DeliveryStatus
    next_attempt_at: datetime

    def change(self) -> Document:
        facts = {"status": self.status, "next_attempt_at": self.next_attempt_at, "lease_until": None}
        return {"$set": facts, "$inc": {"tries": 1}, "$push": {"attempts": self.attempt.model_dump()}}


class Deliveries:
    """Keeps deliveries for those who make them; decides neither when nor whether to try again."""

    def __init__(self, database: Database) -> None:
        self._deliveries = database.get_collection(COLLECTION)

    async def add(self, owed: Sequence[Delivery]) -> int:
        """Store new deliveries and return how many: an endpoint is owed an event once."""
        if not owed:
            return 0
        documents = [to_document(delivery, "delivery_id") for delivery in owed]
        with translated():
            try:
                result = await self._deliveries.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                others = [failed for failed in error.details["writeErrors"] if failed["code"] != _DUPLICATE_KEY]
                if others or error.details["writeConcernErrors"]:
                    raise
                return int(error.details["nInserted"])
        return len(result.inserted_ids)

    async def owners_due(self, *, suspect: bool) -> list[OwnerId]:
        """Return owners of whose deliveries some are due or on their way, in no order."""
        query = {"status": DeliveryStatus.PENDING, "suspect": suspect, "next_attempt_at": {"$lte": now()}}
        with translated():
            owners: list[OwnerId] = await self._deliveries.distinct("owner_id", query)
        return owners

    async def due(
        self, owners: Collection[OwnerId], limit: int, excluding: Collection[EndpointId] = (), *, suspect: bool = False
    ) -> list[Delivery]:
        """Return what may be claimed now of what owners are owed, most overdue first; nothing of those endpoints.

        Each owner has a stretch of the index, in that order: what others are owed is not read.
        """
        query = {**_due(now()), "suspect": suspect, "owner_id": {"$in": sorted(owners)}}
        if excluding:
            query["$nor"] = [{"endpoint_id": {"$in": sorted(excluding)}}]  # $nin of 33 takes FerretDB 7 times as long
        cursor = self._deliveries.find(query).sort("next_attempt_at", ASCENDING).limit(limit)
        with translated():
            return [delivery_of(document) for document in await cursor.to_list(limit)]

    async def claim(self, wanted: Sequence[Delivery]) -> list[Delivery]:
        """Lease deliveries that were found due, and return those with which no rival was faster."""
        moment, ids = now(), [delivery.delivery_id for delivery in wanted]
        lease = {"lease_until": moment + LEASE, "lease_id": secrets.token_hex(8)}
        with translated():
            result = await self._deliveries.update_many({"_id": {"$in": ids}, **_due(moment)}, {"$set": lease})
            if result.modified_count == len(ids):
                return [delivery.model_copy(update=lease) for delivery in wanted]
            won = self._deliveries.find({"_id": {"$in": ids}, "lease_id": lease["lease_id"]})
            return [delivery_of(document) async for document in won]

    async def write_body(
        self, delivery: Delivery, body: str, *, promises_recording: bool = False, promises_analysis: bool = False
    ) -> Delivery | None:
        """Fix the bytes that every attempt will send; None when the lease has gone to somebody else."""
        promises = {"promises_recording": promises_recording, "promises_analysis": promises_analysis}
        with translated():
            document = await self._deliveries.find_one_and_update(
                {**_held(delivery), "body": None},
                {"$set": {"body": body, **promises}},
                return_document=ReturnDocument.AFTER,
            )
        return delivery_of(document) if document else None

    async def settle(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        """Write down attempts and give the leases back; return those whose lease had not gone to somebody else."""
        with translated():
            changes = [UpdateOne(_held(each.delivery), each.change()) for each in settlements]
            result = await self._deliveries.bulk_write(changes, ordered=False)
            if result.modified_count == len(settlements):
                return list(settlements)
            query = {"_id": {"$in": [each.delivery.delivery_id for each in settlements]}}
            found = self._deliveries.find(query, {"attempts": 1})
            kept = {document["_id"]: document["attempts"] async for document in found}
        return [each for each in settlements if each.attempt.model_dump() in kept.get(each.delivery.delivery_id, ())]

    async def reports_of(self, call_id: CallId) -> list[Delivery]:
        """Return the deliveries of a call's report, one for each endpoint that is owed one."""
        query = {"call_id": call_id, "event_type": REPORT}
        with translated():
            return [delivery_of(document) async for document in self._deliveries.find(query)]

    async def hasten(self, delivery_id: str, due: datetime) -> bool:
        """Make a delivery due that has waited with its body unwritten; False when its time had come already."""
        with translated():
            result = await self._deliveries.update_one(
                {"_id": delivery_id, "body": None, **unleased(now())}, {"$set": {"next_attempt_at": due}}
            )
        return bool(result.matched_count)

    async def mark(self, endpoint_id: EndpointId, *, suspect: bool) -> None:
        """Say of everything that an endpoint is still owed whether the endpoint is to be trusted."""
        await self._change_pending(endpoint_id, {"suspect": not suspect}, {"suspect": suspect})

    async def hold(self, endpoint_id: EndpointId, until: datetime) -> None:
        """Let nothing be due to an endpoint before `until`, without counting it as an attempt."""
        await self._change_pending(endpoint_id, {"next_attempt_at": {"$lt": until}}, {"next_attempt_at": until})

    async def give_up(self, endpoint_id: EndpointId) -> None:
        """End whatever is pending for an endpoint; its owner can ask for it again."""
        await self._change_pending(endpoint_id, {}, {"status": DeliveryStatus.FAILED})

    async def release(self, endpoint_id: EndpointId) -> None:
        """Make everything that an endpoint is still owed due now, with nothing held against it."""
        await self._change_pending(endpoint_id, {}, {"suspect": False, "next_attempt_at": now()})

    async def redirect(self, endpoint_id: EndpointId, url: str) -> None:
        """Send whatever an endpoint is still owed, or has missed, to its new URL."""
        query = {"endpoint_id": endpoint_id, "status": {"$ne": DeliveryStatus.DELIVERED}}
        with translated():
            await self._deliveries.update_many(query, {"$set": {"url": url}})

    async def count_examples(self, endpoint_id: EndpointId) -> int:
        """Count the examples that an endpoint is still owed."""
        query = {
            "endpoint_id": endpoint_id,
            "status": DeliveryStatus.PENDING,
            "event_id": {"$regex": f"^{EXAMPLE}_"},
        }
        with translated():
            return await self._deliveries.count_documents(query)

    async def count_about(self, call_id: CallId) -> int:
        with translated():
            return await self._deliveries.count_documents(_about(call_id))

    async def withdraw(self, call_id: CallId) -> None:
        """Delete all that was ever owed about a call, delivered or not; only that it was deleted is still told.

        A POST that is under way is not called back; nothing is written down of its answer.
        """
        with translated():
            await self._deliveries.delete_many(_about(call_id))

    async def _change_pending(self, endpoint_id: EndpointId, where: Document, facts: Document) -> None:
        query = {"endpoint_id": endpoint_id, "status": DeliveryStatus.PENDING, **unleased(now()), **where}
        with translated():
            await self._deliveries.update_many(query, {"$set": facts})


def _due(moment: datetime) -> Document:
    return {"status": DeliveryStatus.PENDING, "next_attempt_at": {"$lte": moment}, **unleased(moment)}


def unleased(moment: datetime) -> Document:
    return {"$or": [{"lease_until": None}, {"lease_until": {"$lte": moment}}]}


def delivery_of(document: Document) -> Delivery:
    return from_document(Delivery, document, "delivery_id")


def _about(call_id: CallId) -> Document:
    return {"call_id": call_id, "event_type": {"$ne": CallDeleted.name()}}


def _held(delivery: Delivery) -> Document:
    """Match a delivery only while the lease under which it was read still stands, and its URL is the same."""
    same = delivery.model_dump(include={"lease_until", "lease_id", "url"})
    return {"_id": delivery.delivery_id, **same}
