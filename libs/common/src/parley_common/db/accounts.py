"""Accounts and their keys."""

from datetime import datetime, timedelta

from parley_common.accounts import Account, ApiKey
from parley_common.clock import now
from parley_common.db.mongo import Database, Document, from_document, to_document, translated
from parley_common.ids import OwnerId

USE_RESOLUTION = timedelta(minutes=1)


class Accounts:
    """One account an e-mail address."""

    def __init__(self, database: Database) -> None:
        self._accounts = database.get_collection("accounts")

    async def insert(self, account: Account) -> None:
        """Raises AlreadyExists when the e-mail address has an account."""
        with translated():
            await self._accounts.insert_one(to_document(account, "owner_id"))

    async def get(self, owner: OwnerId) -> Account | None:
        with translated():
            document = await self._accounts.find_one({"_id": owner})
        return from_document(Account, document, "owner_id") if document else None


class ApiKeys:
    """Keys, found by the hash of the whole key."""

    def __init__(self, database: Database) -> None:
        self._keys = database.get_collection("api_keys")

    async def insert(self, key: ApiKey) -> None:
        with translated():
            await self._keys.insert_one(to_document(key, "key_id"))

    async def find_valid(self, fingerprint: str, moment: datetime) -> ApiKey | None:
        """Return the key if it is neither revoked nor expired."""
        with translated():
            document = await self._keys.find_one({"fingerprint": fingerprint, **_valid(moment)})
        return _key(document) if document else None

    async def find(self, owner: OwnerId, key_id: str) -> ApiKey | None:
        with translated():
            document = await self._keys.find_one({"_id": key_id, "owner_id": owner})
        return _key(document) if document else None

    async def page(self, owner: OwnerId, *, limit: int, offset: int) -> list[ApiKey]:
        """Return the owner's keys, also those that open nothing any more, newest first."""
        cursor = self._keys.find({"owner_id": owner}).sort([("created_at", -1), ("_id", -1)])
        with translated():
            documents = await cursor.skip(offset).limit(limit).to_list(limit)
        return [_key(document) for document in documents]

    async def is_valid(self, owner: OwnerId, key_id: str) -> bool:
        with translated():
            return await self._keys.find_one({"_id": key_id, "owner_id": owner, **_valid(now())}) is not None

    async def has_lasting(self, owner: OwnerId, *, besides: str) -> bool:
        """Say whether the owner has another valid key, one that was not replaced."""
        query = {"owner_id": owner, "_id": {"$ne": besides}, "replaced_by": None, **_valid(now())}
        with translated():
            return await self._keys.find_one(query) is not None

    async def replace(self, key: ApiKey, successor: str, **until: datetime) -> bool:
        """End a key, now or later, for its successor; False when somebody else has replaced it."""
        query = {"_id": key.key_id, "owner_id": key.owner_id, "replaced_by": None}
        with translated():
            result = await self._keys.update_one(query, {"$set": {"replaced_by": successor, **until}})
        return bool(result.modified_count)

    async def revoke(self, key: ApiKey, moment: datetime) -> bool:
        """Revoke a key; False when it is revoked already."""
        return await self._change(key, "revoked_at", before=None, after=moment)

    async def take_back(self, key: ApiKey, moment: datetime) -> None:
        """Undo a revocation of one's own."""
        await self._change(key, "revoked_at", before=moment, after=None)

    async def delete(self, owner: OwnerId, key_id: str) -> None:
        with translated():
            await self._keys.delete_one({"_id": key_id, "owner_id": owner})

    async def mark_used(self, key: ApiKey, moment: datetime) -> None:
        """Remember the last use, at most once in USE_RESOLUTION, however many requests come at once."""
        if key.last_used_at is None or moment - key.last_used_at > USE_RESOLUTION:
            await self._change(key, "last_used_at", before=key.last_used_at, after=moment)

    async def _change(self, key: ApiKey, field: str, *, before: datetime | None, after: datetime | None) -> bool:
        query = {"_id": key.key_id, "owner_id": key.owner_id, field: before}
        with translated():
            result = await self._keys.update_one(query, {"$set": {field: after}})
        return bool(result.modified_count)


def _valid(moment: datetime) -> Document:
    return {"revoked_at": None, "$or": [{"expires_at": None}, {"expires_at": {"$gt": moment}}]}


def _key(document: Document) -> ApiKey:
    return from_document(ApiKey, document, "key_id")
