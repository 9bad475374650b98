"""Every index of every collection, created by one idempotent job."""

from pymongo import ASCENDING, DESCENDING, IndexModel, timeout

from parley_common.db.deliveries import KEPT as DELIVERIES_KEPT
from parley_common.db.journal import KEPT as JOURNAL_KEPT
from parley_common.db.mongo import Database, translated

PATIENCE_SECONDS = 600.0
"""An index over many calls takes its time."""

_EXISTS = {"$exists": True}
INDEXES: dict[str, list[IndexModel]] = {
    "calls": [
        IndexModel([("owner_id", ASCENDING), ("queued_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("room_name", ASCENDING)], unique=True),
        IndexModel([("trunk_id", ASCENDING), ("status", ASCENDING), ("due_at", ASCENDING)]),
        IndexModel([("status", ASCENDING), ("worker_id", ASCENDING)]),
        IndexModel([("status", ASCENDING), ("deadline_at", ASCENDING)]),
        IndexModel([("outbox_at", ASCENDING)], partialFilterExpression={"outbox_at": _EXISTS}),
        IndexModel(
            [("deletion.status", ASCENDING), ("deletion.requested_at", ASCENDING)],
            partialFilterExpression={"deletion.status": _EXISTS},
        ),
        IndexModel([("ended_at", ASCENDING)], partialFilterExpression={"recording.status": "ready"}),
    ],
    "transcript_chunks": [IndexModel([("call_id", ASCENDING), ("spoken_at", ASCENDING)])],
    "accounts": [IndexModel([("user_email", ASCENDING)], unique=True)],
    "api_keys": [
        IndexModel([("fingerprint", ASCENDING)], unique=True),
        IndexModel([("owner_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)]),
    ],
    "assistants": [IndexModel([("owner_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)])],
    "trunks": [IndexModel([("owner_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)])],
    "lines": [IndexModel([("due_at", ASCENDING), ("served_at", ASCENDING)])],
    "agent_workers": [IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=3600)],
    "idempotency": [IndexModel([("created_at", ASCENDING)], expireAfterSeconds=24 * 3600)],
    "webhook_deliveries": [
        IndexModel(
            [(field, ASCENDING) for field in ("status", "suspect", "owner_id", "next_attempt_at", "endpoint_id")]
        ),
        IndexModel([("endpoint_id", ASCENDING), ("status", ASCENDING), ("event_id", ASCENDING)]),
        IndexModel([("endpoint_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("call_id", ASCENDING)]),
        IndexModel([("created_at", ASCENDING)], expireAfterSeconds=int(DELIVERIES_KEPT.total_seconds())),
    ],
    "webhook_endpoints": [IndexModel([("owner_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)])],
    "subscriptions": [IndexModel([("owner_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)])],
    "journal": [
        IndexModel([("owner_id", ASCENDING), ("previous", ASCENDING)], unique=True),
        IndexModel([("owner_id", ASCENDING), ("position", ASCENDING)]),
        IndexModel([("call_id", ASCENDING), ("position", ASCENDING)]),
        IndexModel([("followed_at", ASCENDING)], expireAfterSeconds=int(JOURNAL_KEPT.total_seconds())),
    ],
    "endpoint_notices": [
        IndexModel([("created_at", ASCENDING)], expireAfterSeconds=24 * 3600),
        IndexModel([("endpoint_id", ASCENDING)]),
    ],
}


async def create_indexes(database: Database) -> None:
    with translated(), timeout(PATIENCE_SECONDS):
        for collection, indexes in INDEXES.items():
            await database.get_collection(collection).create_indexes(indexes)
