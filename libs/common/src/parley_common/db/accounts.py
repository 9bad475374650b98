"""Accounts and their keys."""

from datetime import datetime, timedelta

from parley_common.accounts import Account, ApiKey
from parley_common.clock import now
from parley_common.db.mongo import Database, from_document, to_document, translated
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
        query = {
            "fingerprint": fingerprint,
            "revoked_at": None,
            "$or": [{"expires_at": None}, {"expires_at": {"$gt": moment}}],
        }
        with translated():
            document = await self._keys.find_one(query)
        return from_document(ApiKey, document, "key_id") if document else None

    async def revoke(self, owner: OwnerId, key_id: str) -> bool:
        with translated():
            result = await self._keys.update_one(
                {"_id": key_id, "owner_id": owner, "revoked_at": None}, {"$set": {"revoked_at": now()}}
            )
        return bool(result.modified_count)

    async def delete(self, owner: OwnerId, key_id: str) -> None:
        with translated():
            await self._keys.delete_one({"_id": key_id, "owner_id": owner})

    async def mark_used(self, key: ApiKey, moment: datetime) -> None:
        """Remember the last use, at most once in USE_RESOLUTION."""
        if key.last_used_at is None or moment - key.last_used_at > USE_RESOLUTION:
            with translated():
                await self._keys.update_one({"_id": key.key_id}, {"$set": {"last_used_at": moment}})
