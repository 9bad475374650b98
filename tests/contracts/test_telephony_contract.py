"""What the dialer expects of rooms and phones: the fake keeps it, and so does a real server with a phone network."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr

from parley_common.assistants import Limits
from parley_common.calls import Attempt, Call
from parley_common.errors import LiveKitUnavailable
from parley_common.ids import TrunkId
from parley_common.lifecycle import EndReason
from parley_common.settings import LiveKitSettings
from parley_dialer import livekit_telephony
from parley_dialer.telephony import Answered, DialOutcome, NotSent, PhoneState, RangOut, Refused, RoomView, Telephony
from tests import factories
from tests.fakes.telephony import NO_TRUNK, FakeTelephony
from tests.support.exchange import Exchange, opened

DEADLINE_SECONDS = 10.0
WRONG_SECRET = SecretStr("wrong" * 8)
LOST = LiveKitSettings(livekit_url="ws://127.0.0.1:9", livekit_api_key="key", livekit_api_secret=SecretStr("s" * 32))


@pytest.fixture
async def exchange(livekit: LiveKitSettings | None) -> AsyncIterator[Exchange]:
    async with opened(livekit) as made:
        yield made


@pytest.fixture
def telephony(exchange: Exchange) -> Telephony:
    return exchange.telephony


@pytest.fixture
async def call(exchange: Exchange) -> AsyncIterator[Call]:
    """A call that nobody has begun; its room is closed at the end."""
    made = factories.call(room_name=f"room_{secrets.token_hex(8)}", trunk_id=exchange.trunk_id)
    yield made
    await exchange.telephony.close_room(made.room_name)


def to(number: str, call: Call, ringing_seconds: int = 10) -> Call:
    """Send a call to another of the sandbox's numbers."""
    limits = Limits.model_construct(ringing_timeout_seconds=ringing_seconds)  # a customer may not choose one second
    assistant = call.assistant.model_copy(update={"limits": limits})
    return call.model_copy(update={"to_number": f"+1555000{number}", "assistant": assistant})


async def seen(telephony: Telephony, call: Call, attempt: Attempt, holds: Callable[[RoomView], bool]) -> RoomView:
    """Look until there is what we wait for."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            view = await telephony.look(call.room_name, attempt)
            if holds(view):
                return view
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("0200", Answered()),
        ("0486", Refused(EndReason.BUSY, 486)),
        ("0603", Refused(EndReason.DECLINED, 603)),
        ("0404", Refused(EndReason.INVALID_NUMBER, 404)),
        ("0480", Refused(EndReason.NO_ANSWER, 480)),
        ("0403", Refused(EndReason.TRUNK_AUTH_FAILED, 403)),
        ("0503", Refused(EndReason.CARRIER_ERROR, 503)),
        ("0429", Refused(EndReason.RATE_LIMITED, 503)),
    ],
)
async def test_dial_comes_to_what_the_callee_does(
    telephony: Telephony, call: Call, number: str, outcome: DialOutcome
) -> None:
    await telephony.open_room(call)
    assert await telephony.dial(to(number, call), factories.attempt()) == outcome


async def test_dial_over_a_trunk_that_does_not_exist_is_refused(telephony: Telephony, call: Call) -> None:
    astray = call.model_copy(update={"trunk_id": TrunkId(NO_TRUNK)})
    assert await telephony.dial(astray, factories.attempt()) == Refused(EndReason.TRUNK_NOT_FOUND)


async def test_phone_that_refuses_is_seen_dialing_and_then_absent(telephony: Telephony, call: Call) -> None:
    await telephony.open_room(call)
    attempt = factories.attempt()
    dialing = asyncio.create_task(telephony.dial(to("0486", call), attempt))
    await seen(telephony, call, attempt, lambda view: view.phone is PhoneState.DIALING)
    await dialing
    await seen(telephony, call, attempt, lambda view: view.phone is PhoneState.ABSENT)


async def test_phone_is_seen_ringing_until_the_ringing_timeout(telephony: Telephony, call: Call) -> None:
    await telephony.open_room(call)
    attempt = factories.attempt()
    dialing = asyncio.create_task(telephony.dial(to("0408", call, ringing_seconds=1), attempt))
    await seen(telephony, call, attempt, lambda view: view.phone is PhoneState.RINGING)
    assert await dialing == RangOut()
    await seen(telephony, call, attempt, lambda view: view.phone is PhoneState.ABSENT)


async def test_answered_phone_is_seen_active(telephony: Telephony, call: Call) -> None:
    attempt = factories.attempt()
    assert await telephony.dial(to("2003", call), attempt) == Answered()
    assert (await telephony.look(call.room_name, attempt)).phone is PhoneState.ACTIVE
    other = await telephony.look(call.room_name, factories.attempt())
    assert other.phone is PhoneState.ABSENT, "another attempt's phone was taken for ours"


async def test_callee_who_hangs_up_is_seen_absent(telephony: Telephony, call: Call) -> None:
    attempt = factories.attempt()
    assert await telephony.dial(to("2002", call), attempt) == Answered()
    await seen(telephony, call, attempt, lambda view: view.phone is PhoneState.ABSENT)


async def test_closing_the_room_stops_the_ringing(telephony: Telephony, call: Call) -> None:
    await telephony.open_room(call)
    attempt = factories.attempt()
    dialing = asyncio.create_task(telephony.dial(to("0408", call), attempt))
    await seen(telephony, call, attempt, lambda view: view.phone is PhoneState.RINGING)
    await telephony.close_room(call.room_name)
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await dialing == RangOut()


async def test_room_that_was_never_opened_does_not_exist(telephony: Telephony, call: Call) -> None:
    assert await telephony.look(call.room_name, factories.attempt()) == RoomView(exists=False)


async def test_opened_room_exists_while_nobody_is_in_it(telephony: Telephony, call: Call) -> None:
    await telephony.open_room(call)
    assert await telephony.look(call.room_name, None) == RoomView(exists=True)


async def test_agent_in_the_room_is_seen(telephony: Telephony, exchange: Exchange, call: Call) -> None:
    await telephony.open_room(call)
    await exchange.seat_agent(call.room_name, "agent_1")
    view = await seen(telephony, call, factories.attempt(), lambda view: bool(view.agents))
    assert view == RoomView(exists=True, agents=frozenset({"agent_1"}))


async def test_opening_a_room_again_sends_no_second_agent(telephony: Telephony, exchange: Exchange, call: Call) -> None:
    await telephony.open_room(call)
    await telephony.open_room(call)
    assert await exchange.dispatches(call.room_name) == 1


async def test_second_try_begins_in_an_empty_room(telephony: Telephony, exchange: Exchange, call: Call) -> None:
    await telephony.open_room(call)
    await exchange.seat_agent(call.room_name, "agent_1")
    await telephony.open_room(call.model_copy(update={"dispatches": 2}))
    assert await telephony.look(call.room_name, None) == RoomView(exists=True)
    assert await exchange.dispatches(call.room_name) == 1


async def test_replaced_agent_leaves_and_another_is_sent_for(
    telephony: Telephony, exchange: Exchange, call: Call
) -> None:
    await telephony.open_room(call)
    await exchange.seat_agent(call.room_name, "agent_1")
    await telephony.replace_agent(call, "agent_1")
    view = await seen(telephony, call, factories.attempt(), lambda view: not view.agents)
    assert view.exists
    assert await exchange.dispatches(call.room_name) == 2


async def test_agent_that_is_gone_already_can_be_replaced(telephony: Telephony, exchange: Exchange, call: Call) -> None:
    await telephony.open_room(call)
    await telephony.replace_agent(call, "agent_1")
    await telephony.replace_agent(call, None)
    assert await exchange.dispatches(call.room_name) == 3


async def test_room_is_named_until_it_is_closed(telephony: Telephony, call: Call) -> None:
    await telephony.open_room(call)
    assert call.room_name in await telephony.room_names()
    await telephony.close_room(call.room_name)
    assert call.room_name not in await telephony.room_names()


async def test_closing_a_room_twice_is_harmless(telephony: Telephony, exchange: Exchange, call: Call) -> None:
    await telephony.open_room(call)
    await exchange.seat_agent(call.room_name, "agent_1")
    await telephony.close_room(call.room_name)
    await telephony.close_room(call.room_name)
    await seen(telephony, call, factories.attempt(), lambda view: view == RoomView(exists=False))


async def test_closing_an_unknown_room_is_harmless(telephony: Telephony, call: Call) -> None:
    await telephony.close_room("room_unknown")


@pytest.mark.parametrize("adapter", ["fake", "livekit"])
async def test_server_that_cannot_be_reached_has_sent_nothing(adapter: str) -> None:
    call, attempt = factories.call(), factories.attempt()
    async with livekit_telephony.connect(LOST) as real:
        lost: Telephony = real if adapter == "livekit" else FakeTelephony(away=True)
        assert await lost.dial(call, attempt) == NotSent()
        with pytest.raises(LiveKitUnavailable):
            await lost.open_room(call)
        with pytest.raises(LiveKitUnavailable):
            await lost.replace_agent(call, "agent_1")
        with pytest.raises(LiveKitUnavailable):
            await lost.look(call.room_name, attempt)
        with pytest.raises(LiveKitUnavailable):
            await lost.room_names()
        with pytest.raises(LiveKitUnavailable):
            await lost.close_room(call.room_name)


async def test_key_that_livekit_does_not_know_is_no_fault_of_the_call(livekit_settings: LiveKitSettings) -> None:
    strange = livekit_settings.model_copy(update={"livekit_api_secret": WRONG_SECRET})
    call = factories.call()
    async with livekit_telephony.connect(strange) as telephony:
        with pytest.raises(LiveKitUnavailable):
            await telephony.open_room(call)
        with pytest.raises(LiveKitUnavailable):
            await telephony.reachable()
