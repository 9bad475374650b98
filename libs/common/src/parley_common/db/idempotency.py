"""Requests that were made under an Idempotency-Key, for 24 hours: a second one gets the first one's call and answer."""

from dataclasses import dataclass
from typing import Self

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db.mongo import Database, Document, translated
from parley_common.documents import Stored
from parley_common.errors import AlreadyExists, IdempotencyKeyReused, WriteContended
from parley_common.ids import CallId, OwnerId
from parley_common.lifecycle import CallStatus


@dataclass(frozen=True)
class IdempotencyKey:
    """Hashes of the key and of the body that it came with."""

    name: str
    body: str


class Acceptance(Stored):
    """What of an answer does not stand in its request. It outlives the call's data, so it says nothing of a person."""

    call_id: CallId
    room_name: str
    status: CallStatus
    unresolved_placeholders: list[str]

    @classmethod
    def of(cls, call: Call) -> Self:
        return cls(**call.model_dump(include=set(cls.model_fields)))


class IdempotencyKeys:
    """What a key stands for; of two requests that come at once, both learn the same."""

    def __init__(self, database: Database) -> None:
        self._keys = database.get_collection("idempotency")

    async def find(self, owner: OwnerId, key: IdempotencyKey) -> Acceptance | None:
        """Return what was claimed. Raises IdempotencyKeyReused when the body was another."""
        with translated():
            document = await self._keys.find_one({"_id": _id(owner, key)})
        return _claimed(document, key) if document else None

    async def claim(self, owner: OwnerId, key: IdempotencyKey, wanted: Acceptance) -> Acceptance:
        """Claim a key and return `wanted`, or that for which a rival was faster."""
        document = {"_id": _id(owner, key), "body": key.body, "created_at": now(), **wanted.model_dump(mode="json")}
        try:
            with translated():
                await self._keys.insert_one(document)
        except AlreadyExists as error:
            claimed = await self.find(owner, key)
            if claimed is None:
                raise WriteContended("the key expired between two looks") from error
            return claimed
        return wanted


def _id(owner: OwnerId, key: IdempotencyKey) -> str:
    return f"{owner}:{key.name}"


def _claimed(document: Document, key: IdempotencyKey) -> Acceptance:
    if document["body"] != key.body:
        raise IdempotencyKeyReused("Idempotency-Key was used for another request")
    return Acceptance.model_validate(document)
