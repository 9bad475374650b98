"""What an assistant wants to know about its calls: asked for as a setting, refused by field, shown with the call."""

from typing import Any

import pytest

from parley_common.analyses import Analysis, AnalysisFailure, Findings
from parley_common.clock import now
from parley_common.lifecycle import CallStatus, EndReason
from tests.support.envelope import data_of, reasons
from tests.support.front import ASSISTANT, Client, Front

CHOICE = {"name": "color", "question": "Which color?", "type": "choice", "choices": ["red", "blue"]}
CALLBACK = {"name": "callback", "question": "Is {{ name }} to be called again?", "type": "boolean"}


async def asked(owner: Client, **plan: Any) -> dict[str, Any]:
    assistant_id = await owner.assistant(assistant_analysis=plan)
    shown: dict[str, Any] = data_of(await owner.get(f"/assistant/details/{assistant_id}"))["assistant_analysis"]
    return shown


async def test_nothing_is_analyzed_unless_it_is_asked_for(owner: Client) -> None:
    assert await asked(owner) == {"enabled": False, "model": "gpt-4.1-mini", "goal": None, "questions": []}


async def test_questions_are_kept_with_the_kind_of_their_answers(owner: Client) -> None:
    plan = await asked(owner, enabled=True, goal="A call is agreed.", questions=[CHOICE, CALLBACK])
    assert plan["questions"] == [CHOICE, CALLBACK | {"choices": []}]


@pytest.mark.parametrize(
    ("plan", "field", "reason"),
    [
        ({"goals": "x"}, "goals", "no such field"),
        ({"goal": ""}, "goal", "must have 1 or more characters"),
        ({"goal": "  "}, "goal", "must have 1 or more characters"),
        ({"questions": [CALLBACK | {"question": " "}]}, "questions.0.question", "must have 1 or more characters"),
        ({"questions": [CHOICE | {"choices": ["a", " "]}]}, "questions.0.choices.1", "must have 1 or more characters"),
        (
            {"questions": [CALLBACK | {"type": "date"}]},
            "questions.0.type",
            "must be 'text', 'number', 'boolean' or 'choice'",
        ),
        ({"questions": [CHOICE, CHOICE]}, "questions", "must not use a name twice"),
        ({"questions": [CALLBACK] * 21}, "questions", "must have 20 or fewer items"),
        (
            {"questions": [CHOICE | {"choices": ["red"]}]},
            "questions.0.choices",
            "must be two or more, all different, if type is choice",
        ),
        (
            {"questions": [CALLBACK | {"choices": ["a", "b"]}]},
            "questions.0.choices",
            "only allowed when type is choice",
        ),
        (
            {"questions": [CHOICE | {"choices": ["a", 'b"']}]},
            "questions.0.choices.1",
            'must not contain ", \\ or line breaks',
        ),
        (
            {"questions": [CALLBACK | {"name": "Call back"}]},
            "questions.0.name",
            "must be up to 64 small letters, digits and _, a letter first",
        ),
    ],
)
async def test_plan_that_makes_no_sense_is_refused_by_field(
    owner: Client, plan: dict[str, Any], field: str, reason: str
) -> None:
    response = await owner.post("/assistant/create", ASSISTANT | {"assistant_analysis": plan})
    assert reasons(response) == {f"assistant_analysis.{field}": reason}


async def test_one_setting_of_the_plan_can_be_changed_alone(owner: Client) -> None:
    assistant_id = await owner.assistant(assistant_analysis={"enabled": True, "questions": [CALLBACK]})
    change = {"assistant_analysis": {"goal": "A call is agreed."}}
    data_of(await owner.send("PATCH", f"/assistant/update/{assistant_id}", change))
    plan = data_of(await owner.get(f"/assistant/details/{assistant_id}"))["assistant_analysis"]
    assert (plan["enabled"], plan["goal"], len(plan["questions"])) == (True, "A call is agreed.", 1)


async def test_placeholders_in_goal_and_questions_are_filled_and_what_is_missing_is_told(
    front: Front, owner: Client
) -> None:
    plan = {"enabled": True, "goal": "{{ name }} agrees to {{ day }}.", "questions": [CALLBACK]}
    assistant_id = await owner.assistant(
        assistant_analysis=plan, assistant_prompt="Hi.", assistant_start_instruction=None
    )
    body = await owner.order(metadata={"name": "John"}) | {"assistant_id": assistant_id}
    accepted = data_of(await owner.post("/call/outbound", body), 202)
    filled = (await front.services.calls.get(accepted["call_id"])).assistant.analysis
    assert (filled.goal, filled.questions[0].question) == (
        "John agrees to {{ day }}.",
        "Is John to be called again?",
    )
    assert accepted["unresolved_placeholders"] == ["day"]


async def test_plan_that_is_off_misses_no_placeholders(owner: Client) -> None:
    plan = {"enabled": False, "goal": "{{ missing }}", "questions": [CALLBACK]}
    assistant_id = await owner.assistant(
        assistant_analysis=plan, assistant_prompt="Hi.", assistant_start_instruction=None
    )
    body = await owner.order(metadata={}) | {"assistant_id": assistant_id}
    assert data_of(await owner.post("/call/outbound", body), 202)["unresolved_placeholders"] == []


@pytest.mark.parametrize(
    ("came_of_it", "shown"),
    [
        (
            {"findings": Findings(summary="An order.", answers={"callback": True})},
            ({"summary": "An order.", "successful": None, "answers": {"callback": True}}, "ready", None),
        ),
        ({"error": AnalysisFailure.NOTHING_SAID}, (None, "failed", "nothing_said")),
        ({}, (None, "processing", None)),
    ],
)
async def test_call_shows_what_came_of_its_analysis(
    front: Front, owner: Client, came_of_it: dict[str, Any], shown: tuple[object, ...]
) -> None:
    assistant_id = await owner.assistant(assistant_analysis={"enabled": True})
    body = await owner.order() | {"assistant_id": assistant_id}
    call_id = data_of(await owner.post("/call/outbound", body), 202)["call_id"]
    calls = front.services.calls
    await calls.advance(call_id, CallStatus.FAILED, end_reason=EndReason.INTERNAL_ERROR, answered_at=now())
    await calls.note(call_id, analysis=Analysis(requested_at=now(), **came_of_it))
    call = data_of(await owner.get(f"/call/{call_id}"))
    assert (call["analysis"], call["analysis_status"], call["analysis_error"]) == shown
