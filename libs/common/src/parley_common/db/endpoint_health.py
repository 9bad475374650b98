"""How posting to each endpoint goes; a document is there only while something is wrong."""

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime

from pymongo import ReturnDocument

from parley_common.clock import now
from parley_common.db.mongo import Database, Document, from_document, translated
from parley_common.endpoints import DisabledReason, EndpointHealth
from parley_common.errors import AlreadyExists
from parley_common.ids import EndpointId, OwnerId

WELL: Document = {"failures": 0, "failing_since": None, "slow": False, "resting_until": None}
ENABLED: Document = {"disabled_at": None, "disabled_reason": None}
_NEVER = datetime.fromtimestamp(0, UTC)


class EndpointHealths:
    """Counts failures in a row; decides nothing."""

    def __init__(self, database: Database) -> None:
        self._healths = database.get_collection("endpoint_health")
        self._notices = database.get_collection("endpoint_notices")

    async def of(self, endpoint_ids: Collection[str]) -> dict[str, EndpointHealth]:
        """Return the health of those endpoints with which something is wrong."""
        with translated():
            found = [_health(document) async for document in self._healths.find({"_id": {"$in": list(endpoint_ids)}})]
        return {health.endpoint_id: health for health in found}

    async def note_failure(self, endpoint_id: EndpointId, owner_id: OwnerId, began_at: datetime) -> EndpointHealth:
        """Count a failed attempt, unless it was under way already when the failure before it was counted."""
        moment = now()
        if (again := await self._count_again(endpoint_id, began_at, moment)) is not None:
            return again
        await self._make_sure_of(endpoint_id, owner_id)
        with translated():
            await self._healths.update_one(
                {"_id": endpoint_id, "failing_since": None}, {"$set": {"failing_since": began_at}}
            )
            await self._healths.update_one(
                {"_id": endpoint_id, "counted_at": {"$lt": began_at}},
                {"$inc": {"failures": 1}, "$set": {"counted_at": moment}},
            )
            document = await self._healths.find_one({"_id": endpoint_id})
        return _health(document) if document else EndpointHealth(endpoint_id=endpoint_id, owner_id=owner_id)

    async def _count_again(
        self, endpoint_id: EndpointId, began_at: datetime, moment: datetime
    ) -> EndpointHealth | None:
        """Count one failure more of an endpoint that is failing already, in one statement."""
        with translated():
            document = await self._healths.find_one_and_update(
                {"_id": endpoint_id, "failing_since": {"$ne": None}, "counted_at": {"$lt": began_at}},
                {"$inc": {"failures": 1}, "$set": {"counted_at": moment}},
                return_document=ReturnDocument.AFTER,
            )
        return _health(document) if document else None

    async def rest(self, endpoint_id: EndpointId, until: datetime) -> None:
        """Let an endpoint rest until then, unless it rests longer already."""
        with translated():
            await self._healths.update_one({"_id": endpoint_id}, {"$max": {"resting_until": until}})

    async def recover(self, endpoint_id: EndpointId) -> None:
        """An attempt was accepted: nothing has failed."""
        with translated():
            await self._healths.update_one({"_id": endpoint_id}, {"$set": WELL})

    async def note_slow(self, endpoint_id: EndpointId, owner_id: OwnerId) -> None:
        """An attempt was accepted, but late: nothing has failed."""
        await self._make_sure_of(endpoint_id, owner_id)
        with translated():
            await self._healths.update_one({"_id": endpoint_id}, {"$set": WELL | {"slow": True}})

    async def disable(self, endpoint_id: EndpointId, owner_id: OwnerId, reason: DisabledReason) -> None:
        """Switch an endpoint off, unless it is off already; its owner's word stands above the other reasons."""
        await self._make_sure_of(endpoint_id, owner_id)
        facts = {"disabled_at": now(), "disabled_reason": reason}
        may: Document = (
            {"disabled_reason": {"$ne": reason}} if reason is DisabledReason.OWNER else {"disabled_at": None}
        )
        with translated():
            await self._healths.update_one({"_id": endpoint_id, **may}, {"$set": facts})

    async def enable(self, endpoint_id: EndpointId) -> None:
        """Switch an endpoint on, with nothing held against it."""
        with translated():
            await self._healths.update_one({"_id": endpoint_id}, {"$set": WELL | ENABLED})
            await self._notices.delete_many({"endpoint_id": endpoint_id})

    async def was_told(self, endpoint_id: EndpointId, notice: str) -> bool:
        """Say whether somebody has told this within the last day."""
        with translated():
            return await self._notices.find_one({"_id": _notice_id(endpoint_id, notice)}) is not None

    async def claim_notice(self, endpoint_id: EndpointId, notice: str) -> bool:
        """Say whether to tell this now; False when somebody did within the last day."""
        told = {"_id": _notice_id(endpoint_id, notice), "endpoint_id": endpoint_id, "created_at": now()}
        try:
            with translated():
                await self._notices.insert_one(told)
        except AlreadyExists:
            return False
        return True

    async def _make_sure_of(self, endpoint_id: EndpointId, owner_id: OwnerId) -> None:
        first: Document = {"_id": endpoint_id, "owner_id": owner_id, **WELL, **ENABLED, "counted_at": _NEVER}
        with suppress(AlreadyExists), translated():
            await self._healths.insert_one(first)


def _notice_id(endpoint_id: EndpointId, notice: str) -> str:
    return f"{notice}:{endpoint_id}"


def _health(document: Document) -> EndpointHealth:
    return from_document(EndpointHealth, document, "endpoint_id")
