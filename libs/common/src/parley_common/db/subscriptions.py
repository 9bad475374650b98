"""Subscriptions, each query by its owner. Whoever changes one on RabbitMQ holds it meanwhile, for a bounded time."""

from datetime import datetime, timedelta

from pymongo import ReturnDocument

from parley_common.clock import now
from parley_common.db.mongo import Database, Document, from_document, to_document, translated
from parley_common.errors import AlreadyExists
from parley_common.ids import OwnerId
from parley_common.subscriptions import Subscription, queue_name

LEASE = timedelta(minutes=2)
"""Longer than a change takes of which every request to RabbitMQ almost times out."""


class Subscriptions:
    """What was asked for; RabbitMQ has it as long as `ready` says so and it is used."""

    def __init__(self, database: Database) -> None:
        self._subscriptions = database.get_collection("subscriptions")

    async def reserve(self, subscription: Subscription) -> bool:
        """Take a name and hold it; False when it is taken. One that was left half made gives its name up."""
        document = to_document(subscription, "queue_name") | {"busy_until": now() + LEASE}
        try:
            with translated():
                await self._subscriptions.insert_one(document)
        except AlreadyExists:
            half_made = {"_id": subscription.queue_name, "ready": False, **_idle(now())}
            with translated():
                return bool((await self._subscriptions.replace_one(half_made, document)).modified_count)
        return True

    async def hold(self, owner: OwnerId, subscription_name: str) -> Subscription | None:
        """Take a subscription for one's own; None when there is none, or somebody else has it."""
        moment = now()
        with translated():
            document = await self._subscriptions.find_one_and_update(
                {**_own(owner, subscription_name), **_idle(moment)},
                {"$set": {"busy_until": moment + LEASE}},
                return_document=ReturnDocument.AFTER,
            )
        return _subscription(document) if document else None

    async def let_go(self, subscription: Subscription, *, ready: bool) -> None:
        """Give back what is held, and keep whether RabbitMQ has all of it."""
        with translated():
            await self._subscriptions.update_one(
                {"_id": subscription.queue_name}, {"$set": {"busy_until": None, "ready": ready}}
            )

    async def delete(self, subscription: Subscription) -> None:
        with translated():
            await self._subscriptions.delete_one({"_id": subscription.queue_name})

    async def find(self, owner: OwnerId, subscription_name: str) -> Subscription | None:
        with translated():
            document = await self._subscriptions.find_one(_own(owner, subscription_name))
        return _subscription(document) if document else None

    async def count(self, owner: OwnerId) -> int:
        with translated():
            return await self._subscriptions.count_documents({"owner_id": owner})

    async def page(self, owner: OwnerId, *, limit: int, offset: int) -> list[Subscription]:
        """Return the owner's subscriptions, newest first."""
        cursor = self._subscriptions.find({"owner_id": owner}).sort([("created_at", -1), ("_id", -1)])
        with translated():
            documents = await cursor.skip(offset).limit(limit).to_list(limit)
        return [_subscription(document) for document in documents]


def _own(owner: OwnerId, subscription_name: str) -> Document:
    return {"_id": queue_name(owner, subscription_name), "owner_id": owner}


def _idle(moment: datetime) -> Document:
    return {"$or": [{"busy_until": None}, {"busy_until": {"$lt": moment}}]}


def _subscription(document: Document) -> Subscription:
    return from_document(Subscription, document, "queue_name")
