"""Trunks, each query by its owner."""

from parley_common.db.mongo import Database, from_document, to_document, translated
from parley_common.ids import OwnerId, TrunkId
from parley_common.trunks import Trunk


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

    async def page(self, owner: OwnerId, *, limit: int, offset: int) -> list[Trunk]:
        """Return the owner's trunks, newest first."""
        cursor = self._trunks.find({"owner_id": owner, "active": True}).sort([("created_at", -1), ("_id", -1)])
        with translated():
            documents = await cursor.skip(offset).limit(limit).to_list(limit)
        return [from_document(Trunk, document, "trunk_id") for document in documents]
