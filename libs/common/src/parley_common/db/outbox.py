"""What is still to be published of each call: events that its writes left in its document, and who publishes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument

from parley_common.clock import now
from parley_common.db.mongo import Collection, Document, translated
from parley_common.ids import CallId

RELAY_LEASE = timedelta(seconds=15)


@dataclass(frozen=True)
class PendingEvents:
    """The events of one call that are leased to this relay, oldest first."""

    call_id: CallId
    trace: Mapping[str, str]
    events: list[dict[str, Any]]


class Outbox:
    """Leases the unpublished events of one call to one relay at a time."""

    def __init__(self, calls: Collection) -> None:
        self._calls = calls

    async def lease(self, call_id: CallId) -> PendingEvents | None:
        """Take the unpublished events of a call for RELAY_LEASE; None when there are none or a rival has them."""
        moment = now()
        with translated():
            document = await self._calls.find_one_and_update(
                {
                    "_id": call_id,
                    "outbox_at": {"$exists": True},
                    "$or": [{"relay_until": {"$exists": False}}, {"relay_until": {"$lt": moment}}],
                },
                {"$set": {"relay_until": moment + RELAY_LEASE}},
                projection={"outbox": 1, "trace": 1},
                return_document=ReturnDocument.AFTER,
            )
        return PendingEvents(call_id, document.get("trace", {}), document["outbox"]) if document else None

    async def settle(self, call_id: CallId, published: list[str]) -> bool:
        """Remove published events and give the lease back; False when newer events have come meanwhile."""
        exactly: Document = {"outbox": {"$size": len(published)}, "outbox.event_id": {"$all": published}}
        nothing_left = {"outbox_at": "", "relay_until": ""}
        with translated():
            if published:
                all_gone = await self._calls.update_one(
                    {"_id": call_id, **exactly}, {"$set": {"outbox": []}, "$unset": nothing_left}
                )
                if all_gone.modified_count:
                    return True
                await self._calls.update_one({"_id": call_id}, {"$pull": {"outbox": {"event_id": {"$in": published}}}})
            emptied = await self._calls.update_one({"_id": call_id, "outbox": []}, {"$unset": nothing_left})
            if not emptied.modified_count:
                await self._calls.update_one({"_id": call_id}, {"$unset": {"relay_until": ""}})
        return bool(emptied.modified_count)

    async def stale(self, before: datetime, limit: int = 200) -> list[CallId]:
        query = {"outbox_at": {"$lt": before}}
        with translated():
            found = await self._calls.find(query, {"_id": 1}).sort("outbox_at").limit(limit).to_list(limit)
        return [document["_id"] for document in found]
