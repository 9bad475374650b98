"""Each owner's public events in one order, for as long as a stream can be taken up again.

Whoever writes the next entry names its predecessor, and a predecessor is followed once. So entries become visible in
the order of their positions, and a reader who asks for what comes after a position misses nothing.
"""

from datetime import timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict
from pymongo import ASCENDING, DESCENDING

from parley_common.clock import now
from parley_common.db.mongo import Database, Document, from_document, to_document, translated
from parley_common.errors import AlreadyExists, WriteContended
from parley_common.events import CallDeleted
from parley_common.ids import CallId, EventId, OwnerId

KEPT = timedelta(days=3)
"""How long an entry stays after it was followed. So whoever knows one that is there can read all that follows it."""

BEGINNING = 0
_MAX_WRITE_TRIES = 100
_BLANK = '{"success":true,"message":"Deleted","data":null}'


class Entry(BaseModel):
    """One event as its owner gets it; `body` is the JSON of its payload."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore")

    event_id: EventId
    owner_id: OwnerId
    call_id: CallId | None
    event_type: str
    body: str
    position: int = BEGINNING
    """Given by the journal: grows within an owner, and with time."""


class Place(NamedTuple):
    """Where an event stands."""

    event_id: EventId
    position: int


class Journal:
    """Writes entries, and reads them by their owner."""

    def __init__(self, database: Database) -> None:
        self._entries = database.get_collection("journal")

    async def append(self, entry: Entry) -> bool:
        """Write an entry after all others of its owner; False when the event is there already."""
        for _ in range(_MAX_WRITE_TRIES):
            latest, moment = await self.latest(entry.owner_id), now()
            previous = latest.position if latest else BEGINNING
            position = max(previous + 1, round(moment.timestamp() * 1000))
            placed = to_document(entry.model_copy(update={"position": position}), "event_id")
            try:
                with translated():
                    await self._entries.insert_one({**placed, "previous": previous})
            except AlreadyExists:
                if (followed := await self._followed_by(entry)) is not None:
                    await self._note_followed(entry.owner_id, followed)
                    return False
            else:
                await self._note_followed(entry.owner_id, previous)
                return True
        raise WriteContended("too many writers in one journal")

    async def _followed_by(self, entry: Entry) -> int | None:
        """Return the position before an event's own; None when it does not stand there."""
        with translated():
            own = {"_id": entry.event_id, "owner_id": entry.owner_id}
            document = await self._entries.find_one(own, {"previous": 1})
        return document["previous"] if document else None

    async def _note_followed(self, owner: OwnerId, position: int) -> None:
        """Let an entry expire from now on, unless it does already: whoever followed it may have died before."""
        entry = {"owner_id": owner, "position": position, "followed_at": {"$exists": False}}
        with translated():
            await self._entries.update_one(entry, {"$set": {"followed_at": now()}})

    async def after(
        self, owner: OwnerId, position: int, *, call_id: CallId | None = None, limit: int = 100
    ) -> list[Entry]:
        """Return what follows a position, oldest first: of all the owner's calls, or of one."""
        query: Document = {"owner_id": owner, "position": {"$gt": position}}
        if call_id is not None:
            query["call_id"] = call_id
        with translated():
            found = await self._entries.find(query).sort("position", ASCENDING).limit(limit).to_list(limit)
        return [from_document(Entry, document, "event_id") for document in found]

    async def position_of(self, owner: OwnerId, event_id: EventId) -> int | None:
        """Return where an event stands; None when it is not the owner's, or no longer kept."""
        with translated():
            document = await self._entries.find_one({"_id": event_id, "owner_id": owner}, {"position": 1})
        return document["position"] if document else None

    async def latest(self, owner: OwnerId) -> Place | None:
        """Return where an owner's journal ends; None when nothing stands in it."""
        order = [("position", DESCENDING)]
        with translated():
            document = await self._entries.find_one({"owner_id": owner}, {"position": 1}, sort=order)
        return Place(document["_id"], document["position"]) if document else None

    async def blank(self, call_id: CallId) -> None:
        """Forget what was told about a call; that something was told stays, or the order of the others would break."""
        told = {"call_id": call_id, "event_type": {"$ne": CallDeleted.name()}}
        with translated():
            await self._entries.update_many(told, {"$set": {"body": _BLANK}})

    async def types_of(self, owner: OwnerId, call_id: CallId) -> set[str]:
        """Return which types of events of a call stand in the journal."""
        with translated():
            return set(await self._entries.distinct("event_type", {"owner_id": owner, "call_id": call_id}))
