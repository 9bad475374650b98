"""Deliveries as their owner sees them: what was sent, what came back, and asking for it again."""

from collections.abc import Mapping
from datetime import datetime

from pymongo import DESCENDING

from parley_common.clock import now
from parley_common.db.deliveries import COLLECTION, Delivery, DeliveryStatus, delivery_of, unleased
from parley_common.db.mongo import Database, Document, translated
from parley_common.ids import EndpointId, OwnerId


class DeliveryLog:
    """Reads and re-opens deliveries, each query by its owner."""

    def __init__(self, database: Database) -> None:
        self._deliveries = database.get_collection(COLLECTION)

    async def find(self, owner: OwnerId, delivery_id: str) -> Delivery | None:
        with translated():
            document = await self._deliveries.find_one({"_id": delivery_id, "owner_id": owner})
        return delivery_of(document) if document else None

    async def page(
        self,
        owner: OwnerId,
        endpoint_id: EndpointId,
        *,
        limit: int,
        before: tuple[datetime, str] | None,
        where: Mapping[str, object],
    ) -> list[Delivery]:
        """Return an endpoint's deliveries, newest first, without their bodies; `before`: older than this place."""
        query: Document = {"owner_id": owner, "endpoint_id": endpoint_id, **where}
        if before:
            moment, delivery_id = before
            query["$or"] = [
                {"created_at": {"$lt": moment}},
                {"created_at": moment, "_id": {"$lt": delivery_id}},
            ]
        order = [("created_at", DESCENDING), ("_id", DESCENDING)]
        with translated():
            documents = await self._deliveries.find(query, {"body": 0}).sort(order).limit(limit).to_list(limit)
        return [delivery_of(document) for document in documents]

    async def reopen(self, owner: OwnerId, delivery_id: str, url: str) -> bool:
        """Make a delivery due now, to `url`, with its whole schedule before it; False while it is being sent."""
        query = {"_id": delivery_id, "owner_id": owner, **unleased(now())}
        with translated():
            result = await self._deliveries.update_one(query, {"$set": _again() | {"url": url}})
        return bool(result.matched_count)

    async def reopen_failed(
        self, owner: OwnerId, endpoint_id: EndpointId, url: str, since: datetime, until: datetime
    ) -> int:
        """Make due now, to `url`, whatever was given up of the events that occurred in a time; return how many."""
        query = {
            "owner_id": owner,
            "endpoint_id": endpoint_id,
            "status": DeliveryStatus.FAILED,
            "occurred_at": {"$gte": since, "$lte": until},
        }
        with translated():
            result = await self._deliveries.update_many(query, {"$set": _again() | {"url": url}})
        return int(result.modified_count)


def _again() -> Document:
    return {"status": DeliveryStatus.PENDING, "next_attempt_at": now(), "tries": 0, "lease_until": None}
