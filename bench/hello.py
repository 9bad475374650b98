"""Hearing the agent: from the answer to its first sound, and from the end of a callee's sentence to its reply.

Both are measured at the phone's ear. The floor is a bare livekit-agents script with the same providers.
"""

from typing import Any

from bench.bare_calls import bare_calls
from bench.results import Result, of_times
from parley_local.world import World
from tests.support.customer import Customer, until

ROUNDS = 6
NUMBER = "0200"


async def measure(world: World) -> list[Result]:
    """Hold whole conversations, Parley's agent and the bare one taking turns; the first of each only warms up."""
    ours, bare = [], []
    async with Customer(world) as customer, bare_calls(world, customer.trunk_id) as floor:
        assistant_id = await customer.assistant(assistant_recording={"enabled": False})
        for _ in range(1 + ROUNDS):
            call = await customer.get(f"/call/{await customer.call(NUMBER, assistant_id)}")
            ours.append(await _ended(customer, call["room_name"]))
            bare.append(await _ended(customer, await floor.call(NUMBER)))
    return [
        of_times("hello: answer to first audio", _greetings(ours), _greetings(bare), at_most=1.05),
        of_times("hello: end of sentence to reply", _replies(ours), _replies(bare), at_most=1.05),
    ]


async def _ended(customer: Customer, room_name: str) -> dict[str, Any]:
    """Wait for the end of the one call in a room, and return what the phone noted."""

    async def hung_up() -> dict[str, Any] | None:
        found: list[dict[str, Any]] = (await customer.sandbox.get("/calls", params={"room": room_name})).json()
        return found[0] if found and found[0]["ended_at"] and found[0]["first_word_at"] else None

    return await until(hung_up)


def _greetings(calls: list[dict[str, Any]]) -> list[float]:
    return [call["answer_to_first_word_seconds"] for call in calls[1:]]


def _replies(calls: list[dict[str, Any]]) -> list[float]:
    return [seconds for call in calls[1:] for seconds in call["response_seconds"]]
