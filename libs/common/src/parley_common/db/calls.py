"""The calls collection: one document a call, one door for every change.

A change is one compare-and-set on (status, version) that also pushes its event into the document's `outbox`.
Whoever wins the write has said the event; whoever loses learns it and stops.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Collection as Members
from datetime import datetime
from typing import Any

import structlog
from pymongo import ASCENDING, DESCENDING, ReturnDocument

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db.mongo import Database, Document, from_document, plain, to_document, translated
from parley_common.db.outbox import RELAY_LEASE, Outbox, PendingEvents
from parley_common.errors import CallNotFound, DocumentUnreadable, WriteContended
from parley_common.events import AgentLost, Event, versions_of
from parley_common.ids import CallId, OwnerId, TrunkId
from parley_common.lifecycle import ACTIVE, TERMINAL, TRANSITIONS, UNDER_WAY, WAITING, CallStatus

log = structlog.get_logger()

MAX_WRITE_TRIES = 20


type Facts = Callable[[Call], Mapping[str, object]]


class Calls:
    """Reads and changes calls; says nothing about when or why."""

    def __init__(self, database: Database) -> None:
        self._calls = database.get_collection("calls")
        self.outbox = Outbox(self._calls)

    async def insert(self, call: Call, event: type[Event]) -> PendingEvents:
        """Store a new call with its first event, leased to us. Raises AlreadyExists when the id is taken."""
        moment = now()
        document = to_document(call, "call_id")
        outbox = _outgoing(event, call, {})
        document |= {"outbox": outbox, "outbox_at": moment, "relay_until": moment + RELAY_LEASE}
        with translated():
            await self._calls.insert_one(document)
        return PendingEvents(call.call_id, call.trace, outbox)

    async def get(self, call_id: CallId) -> Call:
        call = await self._one({"_id": call_id})
        if call is None:
            raise CallNotFound("no such call")
        return call

    async def find(self, owner: OwnerId, call_id: CallId) -> Call | None:
        return await self._one({"_id": call_id, "owner_id": owner})

    async def find_by_room(self, room_name: str) -> Call | None:
        return await self._one({"room_name": room_name})

    async def page(
        self,
        owner: OwnerId,
        *,
        limit: int,
        before: tuple[datetime, str] | None = None,
        where: Mapping[str, object] | None = None,
        between: tuple[datetime | None, datetime | None] = (None, None),
    ) -> list[Call]:
        """Return the owner's calls, newest first, that were queued before the given one and `between` two moments."""
        query: Document = {"owner_id": owner, **(where or {})}
        bounds = zip(("$gte", "$lt"), between, strict=True)
        if within := {operator: moment for operator, moment in bounds if moment is not None}:
            query["queued_at"] = within
        if before is not None:
            at, call_id = before
            query["$or"] = [{"queued_at": {"$lt": at}}, {"queued_at": at, "_id": {"$lt": call_id}}]
        cursor = self._calls.find(query, {"outbox": 0}).sort([("queued_at", DESCENDING), ("_id", DESCENDING)])
        with translated():
            return [_call(document) for document in await cursor.limit(limit).to_list(limit)]

    async def advance(  # noqa: PLR0913  # the one door: what, when, and with which facts
        self,
        call: CallId | Call,
        to: CallStatus,
        event: type[Event] | None = None,
        *,
        within: Members[CallStatus] = ACTIVE,
        when: Callable[[Call], bool] = lambda _: True,
        details: Mapping[str, object] | None = None,
        derived: Facts = lambda _: {},
        **facts: object,
    ) -> Call | None:
        """Move a call to `to`, set its facts and say the event, all in one write.

        `derived` computes further facts from the call as it is at the moment of the write. Returns the call as
        written, or None when its status, `within` or `when` do not allow the step: a duplicate or a rival was
        faster, so the caller stops. One that was just read, given instead of its id, is read again only if it changed.
        """
        allowed = {source for source in within if to in TRANSITIONS[source]}
        return await self._write(
            call,
            lambda call: call.status in allowed and when(call),
            lambda call: {"status": to, **facts, **derived(call)},
            event=event,
            details=details or {},
        )

    async def note(
        self,
        call: CallId | Call,
        event: type[Event] | None = None,
        *,
        details: Mapping[str, object] | None = None,
        when: Callable[[Call], bool] = lambda _: True,
        derived: Facts = lambda _: {},
        **facts: object,
    ) -> Call | None:
        """Set facts (and say an event) without a change of status, if `when` holds at the moment of the write."""
        return await self._write(
            call, when, lambda call: {**facts, **derived(call)}, event=event, details=details or {}
        )

    async def _write(
        self,
        call: CallId | Call,
        may: Callable[[Call], bool],
        facts_of: Facts,
        *,
        event: type[Event] | None,
        details: Mapping[str, object],
    ) -> Call | None:
        call_id, read = (call.call_id, call) if isinstance(call, Call) else (call, None)
        for _ in range(MAX_WRITE_TRIES):
            current = read if read is not None and may(read) else await self.get(call_id)
            read = None
            if not may(current):
                return None
            facts = facts_of(current)
            after = current.model_copy(update={**facts, "version": current.version + 1})
            update: Document = {
                "$set": {name: plain(value) for name, value in facts.items()},
                "$inc": {"version": 1},
            }
            if event is not None:
                update["$set"]["outbox_at"] = now()
                update["$push"] = {"outbox": {"$each": _outgoing(event, after, details)}}
            with translated():
                result = await self._calls.update_one({"_id": call_id, "version": current.version}, update)
            if result.modified_count:
                return after
        raise WriteContended("too many writers on one call")

    async def claim(self, trunk_id: TrunkId, due_before: datetime, deadline: datetime) -> Call | None:
        """Take the oldest waiting call of a trunk whose time has come and is not over, for one claimer only."""
        moment = now()
        with translated():
            document = await self._calls.find_one_and_update(
                {**_waiting_on(trunk_id), "due_at": {"$lte": due_before}, "expires_at": {"$gt": moment}},
                {
                    "$set": {
                        "status": CallStatus.STARTING,
                        "starting_at": moment,
                        "deadline_at": deadline,
                        "agent_ready_at": None,
                        "agent_identity": None,
                        "worker_id": None,
                        "vacant_at": None,
                        "lost_identity": None,
                        "takeovers": 0,
                        "phone_left_as": None,
                        "phone_left_at": None,
                    },
                    "$inc": {"version": 1, "dispatches": 1},
                },
                sort=[("due_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return _call(document) if document else None

    async def next_due(self, trunk_id: TrunkId) -> datetime | None:
        """Return when the next waiting call of a trunk is due; None when none waits."""
        with translated():
            document = await self._calls.find_one(_waiting_on(trunk_id), {"due_at": 1}, sort=[("due_at", ASCENDING)])
        return document["due_at"] if document else None

    async def waiting_since(self, before: datetime) -> dict[tuple[TrunkId, OwnerId], datetime]:
        """Return the trunks with a call that was due before, and since when the oldest one waits."""
        waiting = {"status": {"$in": sorted(WAITING)}, "due_at": {"$lte": before}}
        return await self._by_trunk(waiting, {"$min": "$due_at"})

    async def under_way(self) -> Counter[tuple[TrunkId, OwnerId]]:
        """Count the calls that occupy an agent, for each trunk and its owner."""
        return Counter(await self._by_trunk({"status": {"$in": sorted(UNDER_WAY)}}, {"$sum": 1}))

    async def _by_trunk(self, query: Document, value: Document) -> dict[tuple[TrunkId, OwnerId], Any]:
        """Work out one value for each trunk and its owner."""
        trunk = {"trunk_id": "$trunk_id", "owner_id": "$owner_id"}
        pipeline: list[Document] = [{"$match": query}, {"$group": {"_id": trunk, "value": value}}]
        with translated():
            found = await self._calls.aggregate(pipeline).to_list(None)
        return {(each["_id"]["trunk_id"], each["_id"]["owner_id"]): each["value"] for each in found}

    async def of_worker(self, worker_id: str) -> list[Call]:
        """Return the open calls whose agents live in this worker."""
        query = {"status": {"$in": sorted(UNDER_WAY)}, "worker_id": worker_id}
        with translated():
            return _readable(await self._calls.find(query, {"outbox": 0}).to_list(None))

    async def vacate(self, call_id: CallId, lost_identity: str, deadline: datetime) -> Call | None:
        """Say that a call's agent is lost, unless another one is there already."""
        return await self.note(
            call_id,
            AgentLost,
            details={"lost_identity": lost_identity},
            when=lambda call: call.status in UNDER_WAY and call.agent_identity == lost_identity,
            derived=lambda call: {
                "takeovers": call.takeovers + 1,
                "deadline_at": deadline if call.status is CallStatus.IN_PROGRESS else call.deadline_at,
            },
            agent_identity=None,
            worker_id=None,
            lost_identity=lost_identity,
            vacant_at=now(),
            agent_sought_at=now(),
        )

    async def ringing_without_agent(self, sought_before: datetime) -> list[Call]:
        """Return calls whose phone rings and whose agent was lost, and nobody was sent for since."""
        query = {"status": CallStatus.DIALING, "agent_identity": None, "agent_sought_at": {"$lte": sought_before}}
        with translated():
            return _readable(await self._calls.find(query, {"outbox": 0}).to_list(None))

    async def overdue(self, moment: datetime, besides: Members[CallId] = (), limit: int = 100) -> list[Call]:
        """Return open calls whose deadline has passed, most overdue first, `besides` those that are seen to."""
        query = {
            "_id": {"$nin": sorted(besides)},
            "status": {"$in": sorted(ACTIVE)},
            "deadline_at": {"$lte": moment},
        }
        with translated():
            return _readable(await self._calls.find(query).sort("deadline_at").limit(limit).to_list(limit))

    async def at_rest_in(self, room_names: Members[str]) -> dict[CallId, str]:
        """Return the calls that are over, or wait, and had one of these rooms, and which."""
        query = {"room_name": {"$in": sorted(room_names)}, "status": {"$in": sorted(TERMINAL | WAITING)}}
        with translated():
            found = await self._calls.find(query, {"room_name": 1}).to_list(None)
        return {CallId(document["_id"]): document["room_name"] for document in found}

    async def _one(self, query: Mapping[str, object]) -> Call | None:
        with translated():
            document = await self._calls.find_one(query, {"outbox": 0})
        return _call(document) if document else None


def _waiting_on(trunk_id: TrunkId) -> Document:
    return {"trunk_id": trunk_id, "status": {"$in": sorted(WAITING)}}


def _call(document: Document) -> Call:
    return from_document(Call, document, "call_id")


def _readable(documents: Iterable[Document]) -> list[Call]:
    """Read calls, without those that another version wrote: one of them keeps nobody from the others."""
    calls = []
    for document in documents:
        try:
            calls.append(_call(document))
        except DocumentUnreadable as error:
            log.error("call cannot be read", call_id=document["_id"], error=str(error))  # noqa: TRY400  # no defect
    return calls


def _outgoing(event: type[Event], call: Call, details: Mapping[str, object]) -> list[Document]:
    return [version.of(call, **details).model_dump(mode="json") for version in versions_of(event)]
