"""The sandbox's model that reads transcripts, as the analyst finds it: in health, and with each fault."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from parley_common.assistants import AnalysisPlan, Question
from parley_common.calls import Call, Speaker
from parley_common.errors import ProviderRefused, ProviderUnavailable
from tests import factories
from tests.support.model_provider import ModelProvider, serving

SAID = "I want 3 blue shirts."


@pytest.fixture
async def provider() -> AsyncIterator[ModelProvider]:
    async with serving() as served:
        yield served


def talked(*said: str, **plan: Any) -> Call:
    heard = [
        factories.utterance(item_id=f"item_{place}", speaker=Speaker.USER, text=text)
        for place, text in enumerate(said, 2)
    ]
    assistant = factories.assistant(analysis=AnalysisPlan(enabled=True, **plan))
    return factories.call(assistant=assistant, transcript=[factories.utterance(), *heard])


QUESTIONS = [
    Question(name="wish", question="What is wanted?"),
    Question(name="number", question="How many?", type="number"),
    Question(name="customer", question="Does the callee buy?", type="boolean"),
    Question(name="color", question="Which color?", type="choice", choices=["red", "blue"]),
]


async def test_every_question_has_an_answer_of_its_kind(provider: ModelProvider) -> None:
    conclusion = await provider.analyst.conclude(talked(SAID, goal="The callee buys.", questions=QUESTIONS))
    assert SAID in conclusion.findings.summary
    assert conclusion.findings.successful is True
    assert conclusion.findings.answers == {
        "wish": f'The callee said: "{SAID}"',
        "number": 3.0,
        "customer": True,
        "color": "blue",
    }


async def test_what_the_conversation_does_not_tell_is_null(provider: ModelProvider) -> None:
    findings = (await provider.analyst.conclude(talked(goal="The callee buys.", questions=QUESTIONS))).findings
    assert findings.successful is None
    assert findings.answers == dict.fromkeys(["wish", "number", "customer", "color"])


async def test_summary_alone_is_what_is_asked_for_without_goal_and_questions(provider: ModelProvider) -> None:
    findings = (await provider.analyst.conclude(talked(SAID))).findings
    assert (findings.successful, findings.answers) == (None, {})
    assert findings.summary


@pytest.mark.parametrize("name", ["json", "copy", "model_config", "schema", "dict", "class"])
async def test_question_may_have_any_name(provider: ModelProvider, name: str) -> None:
    asked = [Question(name=name, question="What is wanted?")]
    assert list((await provider.analyst.conclude(talked(SAID, questions=asked))).findings.answers) == [name]


async def test_used_tokens_are_told_by_model(provider: ModelProvider) -> None:
    used = (await provider.analyst.conclude(talked(SAID, model="gpt-4.1-nano"))).usage
    assert (used["type"], used["provider"], used["model"]) == ("analysis_usage", "openai", "gpt-4.1-nano")
    assert used["input_tokens"] > used["output_tokens"] > 0


@pytest.mark.parametrize("kind", ["quota", "bad_key", "refuse", "dropped", "garbage"])
async def test_faulty_model_is_to_be_asked_again(provider: ModelProvider, kind: str) -> None:
    await provider.fail(kind)
    with pytest.raises(ProviderUnavailable):
        await provider.analyst.conclude(talked(SAID))
    await provider.recover()
    assert (await provider.analyst.conclude(talked(SAID))).findings.summary


async def test_slow_model_answers_late(provider: ModelProvider) -> None:
    await provider.fail("slow", seconds=0.5)
    assert (await provider.analyst.conclude(talked(SAID))).findings.summary


async def test_model_that_does_not_exist_is_refused(provider: ModelProvider) -> None:
    with pytest.raises(ProviderRefused, match="404 model_not_found"):
        await provider.analyst.conclude(talked(SAID, model="parrot"))


async def test_error_holds_nothing_of_what_was_said(provider: ModelProvider) -> None:
    await provider.fail("garbage")
    with pytest.raises(ProviderUnavailable) as failed:
        await provider.analyst.conclude(talked(SAID))
    assert str(failed.value) == "ValidationError"
    assert (failed.value.__cause__, failed.value.__suppress_context__) == (None, True)


@pytest.mark.parametrize("unfit", ['19" screen', "two\nlines"])
async def test_choice_that_no_schema_may_hold_is_refused(provider: ModelProvider, unfit: str) -> None:
    asked = [Question(name="wish", question="Which one?", type="choice", choices=["none", unfit])]
    with pytest.raises(ProviderRefused, match="400"):
        await provider.analyst.conclude(talked(SAID, questions=asked))
