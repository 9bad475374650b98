"""Endpoints, each query by its owner."""

from pymongo import ReturnDocument

from parley_common.db.mongo import Database, Document, from_document, to_document, translated
from parley_common.endpoints import Endpoint
from parley_common.ids import EndpointId, OwnerId


class Endpoints:
    """Active endpoints; a deleted one is kept for its deliveries, and found by nobody."""

    def __init__(self, database: Database) -> None:
        self._endpoints = database.get_collection("webhook_endpoints")

    async def insert(self, endpoint: Endpoint) -> None:
        with translated():
            await self._endpoints.insert_one(to_document(endpoint, "endpoint_id"))

    async def find(self, owner: OwnerId, endpoint_id: EndpointId) -> Endpoint | None:
        with translated():
            document = await self._endpoints.find_one(_own(owner, endpoint_id))
        return _endpoint(document) if document else None

    async def update(self, owner: OwnerId, endpoint_id: EndpointId, facts: Document) -> Endpoint | None:
        """Change fields and return the endpoint as it is now; None when there is no such one."""
        with translated():
            document = await self._endpoints.find_one_and_update(
                _own(owner, endpoint_id), {"$set": facts}, return_document=ReturnDocument.AFTER
            )
        return _endpoint(document) if document else None

    async def count(self, owner: OwnerId) -> int:
        with translated():
            return await self._endpoints.count_documents({"owner_id": owner, "active": True})

    async def page(self, owner: OwnerId, *, limit: int, offset: int) -> list[Endpoint]:
        """Return the owner's endpoints, newest first."""
        cursor = self._endpoints.find({"owner_id": owner, "active": True}).sort([("created_at", -1), ("_id", -1)])
        with translated():
            documents = await cursor.skip(offset).limit(limit).to_list(limit)
        return [_endpoint(document) for document in documents]

    async def listening(self, owner: OwnerId, event_type: str) -> list[Endpoint]:
        """Return the owner's endpoints that want events of this type."""
        query = {"owner_id": owner, "active": True, "event_types": {"$in": [None, event_type]}}
        with translated():
            return [_endpoint(document) async for document in self._endpoints.find(query)]


def _own(owner: OwnerId, endpoint_id: EndpointId) -> Document:
    return {"_id": endpoint_id, "owner_id": owner, "active": True}


def _endpoint(document: Document) -> Endpoint:
    return from_document(Endpoint, document, "endpoint_id")
