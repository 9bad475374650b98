"""The queue in front of each trunk: when its next call is due, when it was served last, how fast it may go.

A line never says later than the truth: no waiting call of its trunk is due before `due_at`.
"""

from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, BaseModel
from pymongo import ASCENDING, ReturnDocument

from parley_common.clock import now
from parley_common.db.mongo import Database, from_document, translated
from parley_common.ids import OwnerId, TrunkId

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SLOWEST = timedelta(seconds=60)
_FIRST_PAUSE = timedelta(seconds=1)
_AT_FULL_SPEED = 0.25


class Line(BaseModel):
    """One trunk's queue."""

    trunk_id: TrunkId
    owner_id: OwnerId
    due_at: AwareDatetime | None = None
    served_at: AwareDatetime = LONG_AGO
    paced_until: AwareDatetime = LONG_AGO
    pause_seconds: float = 0.0
    """The pause between two starts that the carrier has taught us; grows when it refuses, shrinks when it does not."""

    wakes: int = 0
    dial_at: AwareDatetime = LONG_AGO


class Lines:
    """All lines; the one that was served least recently comes first."""

    def __init__(self, database: Database) -> None:
        self._lines = database.get_collection("lines")

    async def wake(self, trunk_id: TrunkId, owner_id: OwnerId, due_at: datetime) -> None:
        """Somebody waits on this trunk who is due at `due_at`."""
        first = {"owner_id": owner_id, "served_at": LONG_AGO, "paced_until": LONG_AGO, "dial_at": LONG_AGO}
        update = {"$min": {"due_at": due_at}, "$inc": {"wakes": 1}, "$setOnInsert": first}
        with translated():
            await self._lines.update_one({"_id": trunk_id}, update, upsert=True)

    async def due(self, limit: int) -> list[Line]:
        moment = now()
        query = {"due_at": {"$lte": moment}, "paced_until": {"$lte": moment}}
        with translated():
            found = await self._lines.find(query).sort("served_at", ASCENDING).limit(limit).to_list(limit)
        return [from_document(Line, document, "trunk_id") for document in found]

    async def mark_served(self, line: Line, paced_until: datetime) -> None:
        """Send a line to the end of the turn, and let it rest until then."""
        turn = {"$set": {"served_at": now()}, "$max": {"paced_until": paced_until}}
        with translated():
            await self._lines.update_one({"_id": line.trunk_id}, turn)
        await self.move_on(line, line.due_at)

    async def move_on(self, line: Line, due_at: datetime | None) -> None:
        """The next call is due then, or none waits; void when somebody came meanwhile."""
        change = {"$set": {"due_at": due_at}} if due_at else {"$unset": {"due_at": ""}}
        with translated():
            await self._lines.update_one({"_id": line.trunk_id, "wakes": line.wakes}, change)

    async def reserve_dial(self, trunk_id: TrunkId, interval: timedelta) -> datetime:
        """Return when the trunk's next INVITE may leave, at least `interval` after the one before."""
        while True:
            with translated():
                line = await self._lines.find_one({"_id": trunk_id}, {"dial_at": 1})
                if line is None:
                    return now()
                at: datetime = max(now(), line["dial_at"] + interval)
                reserved = await self._lines.update_one(
                    {"_id": trunk_id, "dial_at": line["dial_at"]}, {"$set": {"dial_at": at}}
                )
            if reserved.modified_count:
                return at

    async def slow_down(self, trunk_id: TrunkId, dialed_at: datetime) -> timedelta:
        """The carrier has refused what was dialed then: pause twice as long as before. Returns the pause.

        What was dialed before the trunk slowed down last tells nothing about the pause that it has now.
        """
        with translated():
            before = await self._lines.find_one({"_id": trunk_id}, {"pause_seconds": 1, "slowed_at": 1}) or {}
            known = timedelta(seconds=before.get("pause_seconds", 0.0))
            if dialed_at < before.get("slowed_at", LONG_AGO):
                return max(known, _FIRST_PAUSE)
            pause = min(max(_FIRST_PAUSE, 2 * known), SLOWEST)
            change = {"pause_seconds": pause.total_seconds(), "paced_until": now() + pause, "slowed_at": now()}
            await self._lines.update_one({"_id": trunk_id, "slowed_at": before.get("slowed_at")}, {"$set": change})
        return pause

    async def speed_up(self, trunk_id: TrunkId) -> None:
        """The carrier took a call: pause half as long as before, and soon not at all."""
        with translated():
            line = await self._lines.find_one_and_update(
                {"_id": trunk_id, "pause_seconds": {"$gt": 0}},
                {"$mul": {"pause_seconds": 0.5}},
                return_document=ReturnDocument.AFTER,
            )
            if line and line["pause_seconds"] < _AT_FULL_SPEED:
                await self._lines.update_one({"_id": trunk_id}, {"$set": {"pause_seconds": 0.0}})
