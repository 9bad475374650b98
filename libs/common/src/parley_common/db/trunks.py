"""Trunks, each query by its owner."""

from collections.abc import Sequence

from parley_common.db.mongo import Database, Document, from_document, to_document, translated
from parley_common.ids import OwnerId, TrunkId
from parley_common.trunks import Trunk, TrunkLimits


class Trunks:
    """Active trunks."""

    def __init__(self, database: Database) -> None:
        self._trunks = database.get_collection("trunks")

    async def insert(self, trunk: Trunk) -> None:
        with translated():
            await self._trunks.insert_one(to_document(trunk, "trunk_id"))

    async def find(self, owner: OwnerId, trunk_id: TrunkId) -> Trunk | None:
        with translated():
            document = await self._trunks.find_one({"_id": trunk_id, "owner_id": owner, "active": True})
        return from_document(Trunk, document, "trunk_id") if document else None

    async def set_limits(self, owner: OwnerId, trunk_id: TrunkId, limits: TrunkLimits) -> bool:
        return await self._update(owner, trunk_id, {"trunk_limits": limits.model_dump()})

    async def deactivate(self, owner: OwnerId, trunk_id: TrunkId) -> bool:
        return await self._update(owner, trunk_id, {"active": False})

    async def limits_of(self, trunk_ids: Sequence[TrunkId]) -> dict[TrunkId, TrunkLimits]:
        """Return the limits of trunks, whoever owns them; a trunk that was deleted keeps its limits."""
        cursor = self._trunks.find({"_id": {"$in": list(trunk_ids)}}, {"trunk_limits": 1})
        with translated():
            return {d["_id"]: TrunkLimits.model_validate(d.get("trunk_limits", {})) async for d in cursor}

    async def page(self, owner: OwnerId, *, limit: int, offset: int) -> list[Trunk]:
        """Return the owner's trunks, newest first."""
        cursor = self._trunks.find({"owner_id": owner, "active": True}).sort([("created_at", -1), ("_id", -1)])
        with translated():
            documents = await cursor.skip(offset).limit(limit).to_list(limit)
        return [from_document(Trunk, document, "trunk_id") for document in documents]

    async def _update(self, owner: OwnerId, trunk_id: TrunkId, facts: Document) -> bool:
        with translated():
            result = await self._trunks.update_one(
                {"_id": trunk_id, "owner_id": owner, "active": True}, {"$set": facts}
            )
        return bool(result.matched_count)
