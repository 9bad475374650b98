"""The agent workers that are alive, as each of them says, and the lock under which calls are admitted to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel

from parley_common.clock import now
from parley_common.db.mongo import Database, from_document, translated
from parley_common.errors import AlreadyExists

ADMISSION_LEASE = timedelta(seconds=5)


class AgentWorker(BaseModel):
    """One process that holds conversations: how many at once, and when it was heard of last."""

    worker_id: str
    slots: int
    seen_at: AwareDatetime


class AgentWorkers:
    """Heartbeats of the agent workers."""

    def __init__(self, database: Database) -> None:
        self._workers = database.get_collection("agent_workers")

    async def announce(self, worker_id: str, slots: int) -> None:
        with translated():
            await self._workers.replace_one({"_id": worker_id}, {"slots": slots, "seen_at": now()}, upsert=True)

    async def withdraw(self, worker_id: str) -> None:
        with translated():
            await self._workers.delete_one({"_id": worker_id})

    async def all(self) -> list[AgentWorker]:
        with translated():
            return [from_document(AgentWorker, d, "worker_id") async for d in self._workers.find({})]


class AdmissionLock:
    """Lets one dialer at a time count what is free and take of it; a holder that died is waited for 5 seconds."""

    def __init__(self, database: Database) -> None:
        self._locks = database.get_collection("locks")

    @asynccontextmanager
    async def held(self) -> AsyncIterator[datetime | None]:
        """Yield until when the lock is ours; None when somebody else has it."""
        until = now() + ADMISSION_LEASE
        ours = await self._take(until)
        try:
            yield until if ours else None
        finally:
            if ours:
                with translated():
                    await self._locks.update_one({"_id": "admission", "until": until}, {"$set": {"until": None}})

    async def _take(self, until: datetime) -> bool:
        free = {"_id": "admission", "$or": [{"until": None}, {"until": {"$lte": now()}}]}
        try:
            with translated():
                await self._locks.update_one(free, {"$set": {"until": until}}, upsert=True)
        except AlreadyExists:  # somebody holds it: the upsert met their document
            return False
        return True
