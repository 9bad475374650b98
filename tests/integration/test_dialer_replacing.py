"""An agent that died in the middle of a call: another goes on, or the call ends with what was said."""

from datetime import timedelta
from typing import Any

import pytest

from parley_common.calls import Attempt, Call
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.errors import WriteContended
from parley_common.lifecycle import CallStatus, EndReason
from parley_dialer import presence
from parley_dialer.replacing import MOST_TAKEOVERS
from parley_dialer.telephony import PhoneState, RoomView
from tests.fakes.telephony import FakeTelephony
from tests.support.desk import AGENT, WORKER, Desk, left_by, reached


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_lost_agent_leaves_and_another_is_sent_for(desk: Desk) -> None:
    call = await desk.talking()
    await desk.lose_agent(call)
    vacant = await desk.now(call)
    assert (vacant.status, vacant.agent_identity, vacant.worker_id) == (CallStatus.IN_PROGRESS, None, None)
    room = desk.telephony.rooms[call.room_name]
    assert (room.dispatches, room.agents) == (2, set())


async def test_agent_that_two_dialers_miss_is_lost_once(desk: Desk) -> None:
    call = await desk.talking()
    await desk.replacement.vacate(call)
    await desk.rival().replacement.vacate(call)
    assert (await desk.now(call)).takeovers == 1
    assert (await desk.events(call.call_id)).count("agent.lost.v1") == 1


async def test_agent_that_came_meanwhile_is_not_lost(desk: Desk) -> None:
    call = await desk.talking()
    await desk.calls.note(call.call_id, agent_identity="agent_2")
    await desk.replacement.vacate(call)
    await desk.replacement.fill(call.call_id)
    assert (await desk.now(call)).agent_identity == "agent_2"
    assert desk.telephony.rooms[call.room_name].dispatches == 1


async def test_agent_lost_before_the_dial_puts_the_call_back(desk: Desk) -> None:
    call = await desk.ready()
    await desk.lose_agent(call)
    assert (await desk.now(call)).status is CallStatus.QUEUED


async def test_agent_who_was_lost_on_the_way_to_a_ringing_phone_is_sent_for_again(desk: Desk) -> None:
    call = await alone_with_a_ringing_phone(desk, since=timedelta(seconds=6))
    await desk.replacement.visit_vacancies()
    await desk.replacement.visit_vacancies()
    assert desk.telephony.rooms[call.room_name].dispatches > 1
    assert (await desk.now(call)).status is CallStatus.DIALING


async def test_agent_on_the_way_to_a_ringing_phone_is_waited_for(desk: Desk) -> None:
    call = await alone_with_a_ringing_phone(desk, since=timedelta(seconds=1))
    await desk.replacement.visit_vacancies()
    assert desk.telephony.rooms[call.room_name].dispatches == 1


async def test_phone_does_not_ring_on_when_no_agent_comes(database: Database) -> None:
    desk = Desk(database, reappearance_grace=timedelta(seconds=0.5))
    call = await alone_with_a_ringing_phone(desk, since=timedelta(seconds=21))
    await desk.replacement.visit_vacancies()
    await desk.reconciler.visit_overdue()
    await reached(lambda: desk.telephony.rooms == {})
    await desk.settled(call)


async def alone_with_a_ringing_phone(desk: Desk, since: timedelta) -> Call:
    lost_at = now() - since
    return await desk.dialing(
        PhoneState.RINGING, agent_identity=None, worker_id=None, vacant_at=lost_at, agent_sought_at=lost_at
    )


async def test_agent_lost_while_the_phone_rings_is_replaced(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.RINGING)
    await desk.lose_agent(call)
    assert (await desk.now(call)).status is CallStatus.DIALING
    assert desk.telephony.rooms[call.room_name].dispatches == 2


async def test_phone_that_rings_with_nobody_to_talk_to_stops_and_its_dial_tells_what_came_of_it(
    database: Database,
) -> None:
    desk = Desk(database, reappearance_grace=timedelta(seconds=0.5))
    call = await desk.dialing(PhoneState.RINGING, takeovers=MOST_TAKEOVERS)
    await desk.lose_agent(call)
    assert (await desk.now(call)).status is CallStatus.DIALING, "it may be picked up at this moment"
    await desk.reconciler.visit_overdue()
    await reached(lambda: call.room_name not in desk.telephony.rooms)
    ended = await desk.settled(call)
    assert (ended.status, ended.end_reason) == (CallStatus.FAILED, EndReason.AGENT_LOST)


async def test_phone_that_is_picked_up_while_its_agents_are_given_up_was_answered(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.RINGING, takeovers=MOST_TAKEOVERS)
    await desk.lose_agent(call)
    await desk.dialer.answered(call, now())
    await desk.reconciler.visit_overdue()
    assert (await desk.now(call)).answered_at is not None


async def test_call_that_lost_too_many_agents_is_hung_up_with_what_was_said(desk: Desk) -> None:
    call = await desk.talking(takeovers=MOST_TAKEOVERS)
    said = await desk.hear(call)
    await desk.lose_agent(call)
    ended = await desk.now(call)
    assert (ended.status, ended.end_reason) == (CallStatus.FAILED, EndReason.AGENT_LOST)
    assert ended.transcript == [said]


@pytest.mark.parametrize("status", [CallStatus.IN_PROGRESS, CallStatus.DIALING])
async def test_agent_that_comes_while_the_call_is_being_given_up_goes_on(
    database: Database, status: CallStatus
) -> None:
    class Slow(FakeTelephony):
        async def look(self, room_name: str, attempt: Attempt | None) -> RoomView:
            await desk.calls.note(call.call_id, agent_identity="agent_2", vacant_at=None)
            return await super().look(room_name, attempt)

    desk = Desk(database, Slow())
    long_ago = now() - 2 * desk.services.settings.times.takeover_patience
    vacant: dict[str, Any] = {"agent_identity": None, "worker_id": None, "vacant_at": long_ago}
    call = await (desk.talking(**vacant) if status is CallStatus.IN_PROGRESS else desk.dialing(**vacant))
    await desk.replacement.fill(call.call_id)
    after = await desk.now(call)
    assert (after.status, after.agent_identity) == (status, "agent_2")
    assert after.deadline_at == call.deadline_at


async def test_callee_who_is_gone_may_come_back_as_after_a_restart_of_livekit_and_is_then_given_up(desk: Desk) -> None:
    call = await desk.talking()
    desk.show(call, PhoneState.ABSENT)
    await desk.lose_agent(call)
    assert (await desk.now(call)).status is CallStatus.IN_PROGRESS
    await desk.calls.note(call.call_id, vacant_at=now() - 2 * desk.services.settings.reappearance_grace)
    await desk.replacement.fill(call.call_id)
    assert (await desk.now(call)).end_reason is EndReason.AGENT_LOST
    assert desk.telephony.rooms[call.room_name].dispatches == 1


@pytest.mark.parametrize(
    ("left_as", "sooner", "reason"),
    [
        ("client_initiated", timedelta(seconds=3), EndReason.CALLEE_HANGUP),
        ("client_initiated", -timedelta(seconds=3), EndReason.AGENT_LOST),
        ("room_deleted", timedelta(seconds=3), EndReason.AGENT_LOST),
    ],
    ids=["hung up on an agent who lived", "hung up on nobody", "was put out"],
)
async def test_callee_who_hung_up_before_the_agent_was_lost_simply_hung_up(
    desk: Desk, left_as: str, sooner: timedelta, reason: EndReason
) -> None:
    long_ago = now() - 2 * desk.services.settings.times.takeover_patience
    call = await desk.talking(answered_at=long_ago - timedelta(minutes=1))
    said, left_at = await desk.hear(call), long_ago - sooner
    await desk.reconciler.see_off(left_by(call, answered=True, reason=left_as, occurred_at=left_at))
    await desk.lose_agent(call)
    await desk.calls.note(call.call_id, vacant_at=long_ago)
    await desk.replacement.fill(call.call_id)
    ended = await desk.now(call)
    assert (ended.end_reason, ended.transcript) == (reason, [said])
    if reason is EndReason.CALLEE_HANGUP:
        assert ended.ended_at == left_at


async def test_call_that_stays_vacant_is_sent_for_again_and_then_given_up(desk: Desk) -> None:
    call = await desk.talking()
    await desk.lose_agent(call)
    await desk.overdue(await desk.now(call))
    assert desk.telephony.rooms[call.room_name].dispatches == 3
    await desk.calls.note(call.call_id, vacant_at=now() - 2 * desk.services.settings.times.takeover_patience)
    assert (await desk.overdue(await desk.now(call))).end_reason is EndReason.AGENT_LOST


async def test_more_agents_are_sent_for_when_those_before_did_not_come(desk: Desk) -> None:
    call = await desk.talking()
    await desk.lose_agent(call)
    await desk.calls.note(call.call_id, vacant_at=now() - 2 * desk.services.settings.times.takeover_timeout)
    await desk.replacement.fill(call.call_id)
    assert desk.telephony.rooms[call.room_name].dispatches == 2 + 3


class EndsMeanwhile(FakeTelephony):
    """A call ends, and its room is closed, just before an agent is sent for; sending makes the room anew."""

    async def replace_agent(self, call: Call, lost_identity: str | None) -> None:
        await self.close_room(call.room_name)
        await Calls(self.database).advance(call.call_id, CallStatus.COMPLETED)
        await super().replace_agent(call, lost_identity)

    database: Database


async def test_call_that_ends_while_an_agent_is_sent_for_leaves_no_room(database: Database) -> None:
    telephony = EndsMeanwhile()
    telephony.database = database
    desk = Desk(database, telephony)
    call = await desk.talking()
    await desk.lose_agent(call)
    assert telephony.rooms == {}


async def test_call_that_was_told_to_end_when_it_lost_its_agent_ended_as_told(desk: Desk) -> None:
    call = await desk.talking(cancel_requested_at=now())
    await desk.replacement.give_up(call)
    ended = await desk.now(call)
    assert (ended.status, ended.end_reason) == (CallStatus.COMPLETED, EndReason.API_HANGUP)


async def test_agent_that_was_thought_lost_has_left_before_another_comes_whoever_sends_for_it_first(
    desk: Desk,
) -> None:
    """The word of its loss may come late: the dialer's own clock is first then."""
    call = await desk.talking()
    await desk.replacement.vacate(call)
    await desk.overdue(await desk.now(call))
    room = desk.telephony.rooms[call.room_name]
    assert (room.dispatches, room.agents) == (2, set())


async def test_call_that_has_ended_is_not_filled(desk: Desk) -> None:
    call = await desk.talking()
    await desk.replacement.give_up(call)
    await desk.replacement.fill(call.call_id)
    assert desk.telephony.rooms[call.room_name].dispatches == 1


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(presence, "monotonic", made)
    return made


async def watch(desk: Desk, clock: Clock, seconds: int) -> set[str]:
    """Look at the workers once a second, and return those that are lost at the end."""
    lost: set[str] = set()
    for _ in range(seconds):
        lost = await desk.presence.lost()
        clock.seconds += 1
    return lost


async def test_worker_whose_heartbeat_stands_still_is_lost(database: Database, clock: Clock) -> None:
    desk = Desk(database)
    await desk.workers.announce(WORKER, 1)
    assert await watch(desk, clock, 5) == set()
    assert await watch(desk, clock, 1) == {WORKER}


async def test_worker_whose_heartbeat_moves_lives(database: Database, clock: Clock) -> None:
    desk = Desk(database)
    for _ in range(10):
        await desk.workers.announce(WORKER, 1)
        assert await watch(desk, clock, 1) == set()


async def test_dialer_that_paused_itself_does_not_blame_the_workers(database: Database, clock: Clock) -> None:
    desk = Desk(database)
    await desk.workers.announce(WORKER, 1)
    await watch(desk, clock, 3)
    clock.seconds += 60
    assert await watch(desk, clock, 3) == set()


async def test_calls_of_a_lost_worker_lose_their_agents(database: Database, clock: Clock) -> None:
    desk = Desk(database)
    await desk.workers.announce(WORKER, 1)
    await desk.workers.announce("worker_2", 1)
    orphan, other = await desk.talking(), await desk.talking(worker_id="worker_2")
    for _ in range(6):
        await desk.workers.announce("worker_2", 1)
        await desk.replacement.visit_orphans()
        clock.seconds += 1
    assert (await desk.now(orphan)).agent_identity is None
    assert (await desk.now(other)).agent_identity == AGENT
    assert [worker.worker_id for worker in await desk.workers.all()] == ["worker_2"]


async def test_call_that_cannot_be_seen_to_is_not_forgotten_with_its_worker(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(database)
    await desk.workers.announce(WORKER, 1)
    orphan = await desk.talking()

    async def fail(*_: object) -> None:
        raise WriteContended("too many writers on one call")

    with monkeypatch.context() as contended:
        contended.setattr(desk.replacement, "vacate", fail)
        await visit_orphans(desk, clock)
    assert (await desk.now(orphan)).agent_identity == AGENT
    await visit_orphans(desk, clock)
    assert (await desk.now(orphan)).agent_identity is None


async def visit_orphans(desk: Desk, clock: Clock) -> None:
    for _ in range(6):
        await desk.replacement.visit_orphans()
        clock.seconds += 1
