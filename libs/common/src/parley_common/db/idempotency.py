"""Requests that were made under an Idempotency-Key, for 24 hours: a second one gets the first one's call."""

from dataclasses import dataclass

from parley_common.clock import now
from parley_common.db.mongo import Database, Document, translated
from parley_common.errors import AlreadyExists, IdempotencyKeyReused, WriteContended
from parley_common.ids import CallId, OwnerId


@dataclass(frozen=True)
class IdempotencyKey:
    """Hashes of the key and of the body that it came with."""

    name: str
    body: str


class IdempotencyKeys:
    """Which call a key stands for; of two requests that come at once, both learn the same one."""

    def __init__(self, database: Database) -> None:
        self._keys = database.get_collection("idempotency")

    async def find(self, owner: OwnerId, key: IdempotencyKey) -> CallId | None:
        """Return the call id that was claimed. Raises IdempotencyKeyReused when the body was another."""
        with translated():
            document = await self._keys.find_one({"_id": _id(owner, key)})
        return _claimed(document, key) if document else None

    async def claim(self, owner: OwnerId, key: IdempotencyKey, call_id: CallId) -> CallId:
        """Claim a key for `call_id` and return that, or the id for which a rival was faster."""
        document = {"_id": _id(owner, key), "body": key.body, "call_id": call_id, "created_at": now()}
        try:
            with translated():
                await self._keys.insert_one(document)
        except AlreadyExists as error:
            claimed = await self.find(owner, key)
            if claimed is None:
                raise WriteContended("the key expired between two looks") from error
            return claimed
        return call_id


def _id(owner: OwnerId, key: IdempotencyKey) -> str:
    return f"{owner}:{key.name}"


def _claimed(document: Document, key: IdempotencyKey) -> CallId:
    if document["body"] != key.body:
        raise IdempotencyKeyReused("Idempotency-Key was used for another request")
    return CallId(document["call_id"])
