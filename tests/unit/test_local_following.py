"""The demo shows a call to its end and its recording, and fails when a step of it did not happen."""

from typing import Any

import pytest

from parley_common.events import CATALOGUE
from parley_local.following import ANSWERED, REFUSED, SAID_BY, UNANSWERED, DemoFailed, follow
from tests.fakes.events import FakeEvents

CONVERSATION = [
    "call.requested.v1",
    "agent.ready.v1",
    "call.ringing.v1",
    "call.answered.v1",
    "transcript.chunk.v1",
    "transcript.chunk.v1",
    "call.ended.v1",
    "analysis.ready.v1",
    "recording.ready.v1",
]


def said(*types: str, call_id: str = "call_1") -> list[dict[str, Any]]:
    return [{"type": name, "call_id": call_id} for name in types]


async def shown(coming: list[dict[str, Any]], expected: frozenset[str]) -> list[str]:
    """Follow call_1 and return the types of what was shown."""
    seen: list[dict[str, Any]] = []
    await follow(FakeEvents(coming), "call_1", expected, seen.append)
    assert {event["call_id"] for event in seen} == {"call_1"}
    return [event["type"] for event in seen]


async def test_conversation_is_shown_until_its_recording_and_its_analysis_are_decided() -> None:
    assert await shown(said(*CONVERSATION, "call.deleted.v1"), ANSWERED) == CONVERSATION


@pytest.mark.parametrize("step", sorted(ANSWERED))
async def test_conversation_without_one_of_its_steps_fails(step: str) -> None:
    with pytest.raises(DemoFailed, match=f"call_1 said no {step}$"):
        await shown(said(*(name for name in CONVERSATION if name != step)), ANSWERED)


@pytest.mark.parametrize("step", sorted(UNANSWERED))
async def test_call_that_nobody_answers_without_one_of_its_steps_fails(step: str) -> None:
    with pytest.raises(DemoFailed, match=f"call_1 said no {step}$"):
        await shown(said(*UNANSWERED - {step}), UNANSWERED)


async def test_busy_line_need_not_ring() -> None:
    assert await shown(said("call.requested.v1", "agent.ready.v1", "call.ended.v1"), REFUSED)


@pytest.mark.parametrize("what", ["recording", "analysis"])
async def test_recording_or_analysis_that_failed_fails_the_demo_at_once(what: str) -> None:
    failed = {**said(f"{what}.failed.v1")[0], "error": "file_missing"}
    with pytest.raises(DemoFailed, match=f"no {what} of call call_1: file_missing"):
        await shown([*said("call.ended.v1"), failed, *said(*CONVERSATION)], ANSWERED)


async def test_other_calls_are_neither_shown_nor_counted() -> None:
    others = said(*CONVERSATION, call_id="call_2")
    assert await shown([*others, *said(*CONVERSATION)], ANSWERED) == CONVERSATION
    with pytest.raises(DemoFailed):
        await shown([*said(*CONVERSATION[:-1]), *others], ANSWERED)


def test_demo_follows_events_that_exist() -> None:
    assert ANSWERED < SAID_BY.keys() <= CATALOGUE.keys()
