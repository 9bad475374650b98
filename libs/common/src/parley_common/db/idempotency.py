"""Requests that were made under an Idempotency-Key, for 24 hours: a second one gets the first one's call."""

from dataclasses import dataclass

from parley_common.clock import now
from parley_common.db.mongo import Database, translated
from parley_common.errors import AlreadyExists
from parley_common.ids import CallId, OwnerId


@dataclass(frozen=True)
class Claim:
    """Which call a key stands for, and the hash of the body that it came with."""

    call_id: CallId
    body: str
    fresh: bool


class IdempotencyKeys:
    """Claims a key for one call; of two that come at once, one wins and both learn the same call."""

    def __init__(self, database: Database) -> None:
        self._keys = database.get_collection("idempotency")

    async def claim(self, owner: OwnerId, key: str, body: str, call_id: CallId) -> Claim:
        document = {"_id": f"{owner}:{key}", "call_id": call_id, "body": body, "created_at": now()}
        try:
            with translated():
                await self._keys.insert_one(document)
        except AlreadyExists:
            with translated():
                first = await self._keys.find_one({"_id": document["_id"]})
            if first is None:  # it expired between the two
                return await self.claim(owner, key, body, call_id)
            return Claim(first["call_id"], first["body"], fresh=False)
        return Claim(call_id, body, fresh=True)
