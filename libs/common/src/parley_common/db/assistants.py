"""Assistants, each query by its owner."""

from parley_common.assistants import Assistant
from parley_common.clock import now
from parley_common.db.mongo import Database, Document, from_document, to_document, translated
from parley_common.ids import AssistantId, OwnerId


class Assistants:
    """Active assistants; a deleted one is kept for the calls that it made."""

    def __init__(self, database: Database) -> None:
        self._assistants = database.get_collection("assistants")

    async def insert(self, assistant: Assistant) -> None:
        with translated():
            await self._assistants.insert_one(to_document(assistant, "assistant_id"))

    async def find(self, owner: OwnerId, assistant_id: AssistantId) -> Assistant | None:
        with translated():
            document = await self._assistants.find_one({"_id": assistant_id, "owner_id": owner, "active": True})
        return from_document(Assistant, document, "assistant_id") if document else None

    async def last_known(self, owner: OwnerId, assistant_id: AssistantId) -> Assistant | None:
        """Find an assistant as it is, or as it was when it was deleted."""
        with translated():
            document = await self._assistants.find_one({"_id": assistant_id, "owner_id": owner})
        return from_document(Assistant, document, "assistant_id") if document else None

    async def replace(self, owner: OwnerId, assistant: Assistant) -> bool:
        """Write an assistant that nobody has changed since it was read."""
        read_at = assistant.updated_at
        document = to_document(assistant.model_copy(update={"updated_at": now()}), "assistant_id")
        query = {"_id": assistant.assistant_id, "owner_id": owner, "active": True, "updated_at": read_at}
        with translated():
            result = await self._assistants.replace_one(query, document)
        return bool(result.modified_count)

    async def deactivate(self, owner: OwnerId, assistant_id: AssistantId) -> bool:
        query = {"_id": assistant_id, "owner_id": owner, "active": True}
        with translated():
            result = await self._assistants.update_one(query, {"$set": {"active": False, "updated_at": now()}})
        return bool(result.modified_count)

    async def page(self, owner: OwnerId, *, limit: int, offset: int) -> list[Assistant]:
        """Return the owner's assistants, newest first."""
        return await self._found({"owner_id": owner, "active": True}, limit=limit, offset=offset)

    async def with_end_call_url(self, owner: OwnerId, *, limit: int, offset: int) -> list[Assistant]:
        """Return the owner's assistants that report their calls somewhere, newest first."""
        if limit <= 0:
            return []
        query = {"owner_id": owner, "active": True, "assistant_end_call_url": {"$ne": None}}
        return await self._found(query, limit=limit, offset=offset)

    async def _found(self, query: Document, *, limit: int, offset: int) -> list[Assistant]:
        cursor = self._assistants.find(query).sort([("created_at", -1), ("_id", -1)])
        with translated():
            documents = await cursor.skip(offset).limit(limit).to_list(limit)
        return [from_document(Assistant, document, "assistant_id") for document in documents]
