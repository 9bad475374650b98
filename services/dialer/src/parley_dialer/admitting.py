"""Which waiting call may start now.

What is taken is counted, not kept: a call that is under way occupies an agent and a place on its trunk because of its
status, so nothing has to be given back and nothing can leak. Counting and taking happen under one lock, trunk by trunk
in turn, so that a long queue on one trunk keeps nobody else waiting.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, timedelta

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db.lines import Line
from parley_common.db.workers import AdmissionLock
from parley_common.ids import OwnerId, TrunkId
from parley_common.trunks import TrunkLimits
from parley_dialer.presence import Presence
from parley_dialer.services import Services

BATCH = 20
LINES_AT_ONCE = 100
NEIGHBOURHOOD = (timedelta(seconds=1), timedelta(minutes=1))
"""Calls that are due close to the last one are looked for first: few documents, however long the queue."""


class Room:
    """How much more may start now: agents, places of an owner, places of a trunk."""

    def __init__(self, occupied: Counter[tuple[TrunkId, OwnerId]], agents: int, owner_limit: int | None) -> None:
        self._trunks: Counter[TrunkId] = Counter()
        self._owners: Counter[OwnerId] = Counter()
        for (trunk_id, owner_id), calls in occupied.items():
            self._trunks[trunk_id] += calls
            self._owners[owner_id] += calls
        self._agents = agents - occupied.total()
        self._owner_limit = owner_limit

    @property
    def full(self) -> bool:
        return self._agents <= 0

    def has_place_for(self, line: Line, limits: TrunkLimits) -> bool:
        most = limits.max_concurrent_calls
        on_trunk = most is None or self._trunks[line.trunk_id] < most
        return on_trunk and (self._owner_limit is None or self._owners[line.owner_id] < self._owner_limit)

    def take(self, line: Line) -> None:
        self._agents -= 1
        self._trunks[line.trunk_id] += 1
        self._owners[line.owner_id] += 1


class Admission:
    """Takes waiting calls out of their lines as fast as agents, trunks and owners' limits allow."""

    def __init__(self, services: Services, presence: Presence, lock: AdmissionLock) -> None:
        self._services = services
        self._times = services.settings.times
        self._presence = presence
        self._lock = lock

    async def admit(self, begin: Callable[[Call], None]) -> list[Call]:
        """Take calls from waiting to starting, and begin each at once; none when another dialer is at it."""
        async with self._lock.held() as until:
            return await self._take_turns(until, begin) if until else []

    async def _take_turns(self, until: datetime, begin: Callable[[Call], None]) -> list[Call]:
        """Claim what there is room for; one who stood still for so long may have a rival who counts."""
        waiting = deque(await self._services.lines.due(LINES_AT_ONCE))
        if not waiting:
            return []
        room, limits = await asyncio.gather(
            self._room(), self._services.trunks.limits_of([line.trunk_id for line in waiting])
        )
        others_behind = len(waiting) == LINES_AT_ONCE
        admitted: list[Call] = []
        served: dict[TrunkId, tuple[Line, timedelta]] = {}
        while waiting and not room.full and len(admitted) < BATCH and now() < until:
            line = waiting.popleft()
            limit = limits.get(line.trunk_id, TrunkLimits())
            if not room.has_place_for(line, limit):
                if others_behind:
                    served[line.trunk_id] = line, timedelta()
                continue
            call = await self._claim(line)
            if call is None:
                continue
            begin(call)
            room.take(line)
            admitted.append(call)
            pause = max(interval(limit), timedelta(seconds=line.pause_seconds))
            served[line.trunk_id] = line, pause
            if not pause:
                waiting.append(line)
        for line, pause in served.values():
            await self._services.lines.mark_served(line, now() + pause)
        return admitted

    async def _room(self) -> Room:
        slots, under_way = await asyncio.gather(self._presence.slots(), self._services.calls.under_way())
        most = self._services.settings.max_calls
        return Room(under_way, slots if most is None else min(slots, most), self._services.settings.max_calls_per_owner)

    async def _claim(self, line: Line) -> Call | None:
        """Take the line's oldest call; when none is due, write down when the next one will be."""
        moment = now()
        deadline = moment + self._times.agent_ready_timeout
        call = None
        for reach in NEIGHBOURHOOD:
            if call is None and line.due_at is not None and line.due_at + reach < moment:
                call = await self._services.calls.claim(line.trunk_id, line.due_at + reach, deadline)
        call = call or await self._services.calls.claim(line.trunk_id, moment, deadline)
        if call is None:
            await self._services.lines.move_on(line, await self._services.calls.next_due(line.trunk_id))
        else:
            line.due_at = call.due_at
        return call


def interval(limits: TrunkLimits) -> timedelta:
    """Return the time between two calls that a trunk's rate asks for."""
    return timedelta(seconds=1 / limits.calls_per_second) if limits.calls_per_second else timedelta()
