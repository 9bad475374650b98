"""A dialer at work: its rules wired as its process wires them, on a real database and phones in memory."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self

from parley_common.calls import Attempt, Call, Utterance
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.db.lines import Line
from parley_common.db.workers import AdmissionLock, AgentWorkers
from parley_common.events import ParticipantLeft, TranscriptChunk
from parley_common.ids import CallId, TrunkId
from parley_common.lifecycle import CallStatus
from parley_common.trunks import Trunk, TrunkLimits
from parley_dialer.admitting import Admission
from parley_dialer.concluding import Conclusions
from parley_dialer.dialing import Dialer
from parley_dialer.presence import Presence
from parley_dialer.reconciling import Reconciler
from parley_dialer.replacing import Replacement
from parley_dialer.services import assemble
from parley_dialer.settings import DialerSettings
from parley_dialer.telephony import PhoneState
from tests import factories
from tests.fakes.relay import FakeRelay
from tests.fakes.telephony import FakeRoom, FakeTelephony
from tests.support.stored import store

DEADLINE_SECONDS = 10.0
AGENT, WORKER = "agent_1", "worker_1"
PAST = timedelta(seconds=-1)


class Desk:
    """One dialer, and the ways to bring a call into the state that a test begins with."""

    def __init__(self, database: Database, telephony: FakeTelephony | None = None, **settings: Any) -> None:
        self.database = database
        self._settings = settings
        self.telephony = telephony or FakeTelephony()
        self.services = assemble(DialerSettings(**settings), database, FakeRelay(), self.telephony)
        self.calls: Calls = self.services.calls
        self.lines = self.services.lines
        self.workers = AgentWorkers(database)
        self.presence = Presence(self.workers)
        self.conclusions = Conclusions(self.services)
        self.dialer = Dialer(self.services, self.conclusions)
        self.replacement = Replacement(self.services, self.presence, self.conclusions)
        self.reconciler = Reconciler(self.services, self.presence, self.dialer, self.replacement, self.conclusions)
        self.admission = Admission(self.services, self.presence, AdmissionLock(database))

    async def admit(self) -> list[Call]:
        """Admit calls that do not begin."""
        return await self.admission.admit(lambda _: None)

    def rival(self) -> Self:
        """Another replica: the same database, the same phones."""
        return type(self)(self.database, self.telephony, **self._settings)

    async def trunk(self, trunk_id: str, **limits: Any) -> TrunkId:
        trunk: dict[str, Any] = {
            "trunk_id": TrunkId(trunk_id),
            "owner_id": factories.call().owner_id,
            "trunk_name": "main",
            "trunk_address": "sip.example.com",
            "trunk_numbers": ["+15550009999"],
            "trunk_auth_username": "user",
            "sealed_password": "sealed",
            "trunk_type": "twilio",
            "trunk_limits": TrunkLimits(**limits),
            "created_at": now(),
        }
        await self.services.trunks.insert(Trunk(**trunk))
        return TrunkId(trunk_id)

    async def store(self, **overrides: Any) -> Call:
        """Store a call in any state; somebody has heard of it already."""
        call = factories.call(**overrides)
        await store(self.calls, call)
        await self.lines.wake(call.trunk_id, call.owner_id, call.due_at)
        return call

    async def ready(self, number: str = "0200", **overrides: Any) -> Call:
        """Store a call whose agent is in the room."""
        facts = {"status": CallStatus.STARTING, "to_number": f"+1555000{number}", **_attended(), **overrides}
        call = await self.store(**facts)
        self.telephony.rooms[call.room_name] = FakeRoom(dispatches=1, agents={AGENT})
        return call

    async def dialing(self, phone: PhoneState = PhoneState.RINGING, **overrides: Any) -> Call:
        """Store a call whose INVITE has left; nobody here waits for it."""
        facts: dict[str, Any] = {"status": CallStatus.DIALING, "attempts": [factories.attempt()]}
        call = await self.ready(**facts | overrides)
        self.show(call, phone)
        return call

    async def talking(self, **overrides: Any) -> Call:
        """Store a call in conversation."""
        attempt = factories.attempt(answered_at=now())
        facts: dict[str, Any] = {"status": CallStatus.IN_PROGRESS, "attempts": [attempt], "answered_at": now()}
        call = await self.ready(**facts | overrides)
        self.show(call, PhoneState.ACTIVE)
        return call

    def show(self, call: Call, phone: PhoneState) -> None:
        """Make the callee's phone be seen so in the room."""
        self.telephony.rooms[call.room_name].phones[attempt_of(call).attempt_id] = phone

    async def hear(self, call: Call) -> Utterance:
        """Keep a turn of the conversation, as the recorder does."""
        said = factories.utterance()
        await self.services.transcripts.store(TranscriptChunk.of(call, **said.model_dump()))
        return said

    async def lose_agent(self, call: Call) -> None:
        """Say that a call's agent is lost, and hear it as the dialer does."""
        await self.replacement.vacate(call)
        await self.replacement.fill(call.call_id)

    async def now(self, call: Call) -> Call:
        """Return the call as it is stored now."""
        return await self.calls.get(call.call_id)

    async def line(self, call: Call) -> Line:
        found = await self.database.get_collection("lines").find_one({"_id": call.trunk_id})
        assert found is not None
        return Line.model_validate({**found, "trunk_id": found["_id"]})

    async def events(self, call_id: CallId) -> list[str]:
        """Return the types of all that was said about a call, in order."""
        found = await self.database.get_collection("calls").find_one({"_id": call_id}, {"outbox.type": 1})
        assert found is not None
        return [event["type"] for event in found["outbox"]]

    async def overdue(self, call: Call) -> Call:
        """Let the call's deadline pass, and the dialer look."""
        await self.calls.note(call.call_id, deadline_at=now() + PAST)
        await self.reconciler.visit_overdue()
        return await self.settled(call)

    async def settled(self, call: Call) -> Call:
        """Return the call once the dialer has seen to it."""
        await reached(lambda: call.call_id not in self.reconciler.errands.under_way())
        return await self.now(call)


def attempt_of(call: Call) -> Attempt:
    assert call.attempt is not None
    return call.attempt


def _attended() -> dict[str, Any]:
    return {"agent_identity": AGENT, "worker_id": WORKER, "agent_ready_at": now(), "dispatches": 1}


async def reached(holds: Callable[[], bool]) -> None:
    """Wait for what another task does."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.01)


def left_by(call: Call, *, answered: bool, reason: str = "client_initiated", **facts: Any) -> ParticipantLeft:
    """LiveKit's word that the phone of a call left its room."""
    identity = attempt_of(call).attempt_id
    return ParticipantLeft.of(call, identity=identity, kind="sip", reason=reason, answered=answered, **facts)
