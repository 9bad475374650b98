"""Which calls have data that is to go, or has gone."""

from collections.abc import Mapping
from datetime import datetime

from parley_common.db.mongo import Database, translated
from parley_common.deletions import DeletionStatus
from parley_common.ids import CallId
from parley_common.recordings import RecordingStatus

BATCH = 100


class Retention:
    """Finds calls by how long their data is kept."""

    def __init__(self, database: Database) -> None:
        self._calls = database.get_collection("calls")

    async def is_deleted(self, call_id: CallId) -> bool:
        """Say whether a call's data is gone or on its way; what comes late about it must not stay."""
        with translated():
            return await self._calls.find_one({"_id": call_id, "deletion": {"$ne": None}}, {"_id": 1}) is not None

    async def awaiting_deletion(self) -> list[CallId]:
        """Return calls whose data is to be removed, oldest wish first; one that has events to publish has to wait."""
        query = {"deletion.status": DeletionStatus.PENDING, "outbox_at": {"$exists": False}}
        return await self._found(query, "deletion.requested_at")

    async def recorded_before(self, moment: datetime) -> list[CallId]:
        """Return calls that ended before, whose recordings are still there."""
        return await self._found({"recording.status": RecordingStatus.READY, "ended_at": {"$lt": moment}}, "ended_at")

    async def _found(self, query: Mapping[str, object], oldest_by: str) -> list[CallId]:
        with translated():
            found = await self._calls.find(query, {"_id": 1}).sort(oldest_by).limit(BATCH).to_list(BATCH)
        return [document["_id"] for document in found]
