"""Whatever answers under the provider's address is understood, or is an error with a verdict and no words in it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from parley_common.assistants import AnalysisPlan, Question
from parley_common.calls import Call
from parley_common.errors import ProviderRefused, ProviderUnavailable
from parley_common.settings import OpenAISettings
from parley_recorder import openai_analyst
from parley_recorder.openai_analyst import OpenAIAnalyst
from tests import factories

NAME, SAID = "Mr. Miller", "My number is 4912345."
PLAN = AnalysisPlan(
    enabled=True, goal=f"{NAME} agrees.", questions=[Question(name="wish", question=f"What does {NAME} want?")]
)


def completion(content: object, reason: str = "stop", **message: object) -> dict[str, Any]:
    told = {"role": "assistant", "content": content, "refusal": None, **message}
    choice = {"index": 0, "message": told, "finish_reason": reason}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def filled(**form: object) -> dict[str, Any]:
    whole = {"summary": "A call.", "successful": True, "answers": {"wish": None}}
    return completion(json.dumps(whole | form))


def call() -> Call:
    return factories.call(assistant=factories.assistant(analysis=PLAN), transcript=[factories.utterance(text=SAID)])


@asynccontextmanager
async def answering(body: object, status: int = 200) -> AsyncIterator[tuple[OpenAIAnalyst, list[dict[str, Any]]]]:
    """Serve one answer to everything, and keep what was asked."""
    asked: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if text.startswith("<") else "application/json"
        return web.Response(text=text, status=status, content_type=kind)

    app = web.Application()
    app.router.add_post("/chat/completions", answer)
    async with TestServer(app) as server:
        settings = OpenAISettings(openai_api_key=SecretStr("key"), openai_base_url=str(server.make_url("/")))
        async with openai_analyst.connect(settings) as analyst:
            yield analyst, asked


async def test_form_that_is_filled_in_is_read() -> None:
    async with answering(filled(summary="An order.", answers={"wish": "Shirts."})) as (analyst, _):
        findings = (await analyst.conclude(call())).findings
    assert (findings.summary, findings.successful, findings.answers) == ("An order.", True, {"wish": "Shirts."})


async def test_only_messages_hold_what_is_about_a_person_and_nothing_is_kept() -> None:
    async with answering(filled()) as (analyst, asked):
        await analyst.conclude(call())
    (request,) = asked
    messages, kept = json.dumps(request["messages"]), json.dumps(request["response_format"])
    assert NAME in messages
    assert SAID in messages
    assert NAME not in kept
    assert request["store"] is False


async def test_form_is_one_that_providers_enforce() -> None:
    async with answering(filled()) as (analyst, asked):
        await analyst.conclude(call())
    schema = asked[0]["response_format"]["json_schema"]
    assert schema["strict"] is True
    for form in (schema["schema"], *schema["schema"]["$defs"].values()):
        assert form["additionalProperties"] is False
        assert form["required"] == list(form["properties"])
    assert schema["schema"]["properties"]["answers"] == {"$ref": "#/$defs/Answers"}


@pytest.mark.parametrize(
    "body",
    [
        f"<html>{SAID}</html>",
        f'{{"cut": "{SAID}',
        {"error": {"message": SAID}},
        completion(SAID) | {"choices": []},
        completion(SAID) | {"choices": [{"index": 0, "finish_reason": "stop"}]},
        completion([{"type": "text", "text": SAID}]),
        completion(None),
        completion(SAID),
        filled(answers={}),
        filled(extra=SAID),
        filled(successful=SAID),
    ],
)
async def test_answer_that_fills_in_no_form_is_asked_for_again(body: object) -> None:
    async with answering(body) as (analyst, _):
        with pytest.raises(ProviderUnavailable) as failed:
            await analyst.conclude(call())
    assert SAID not in str(failed.value)
    assert failed.value.__suppress_context__


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (completion(None, refusal="I will not."), "refusal"),
        (completion('{"summary": "A', "length"), "length"),
        (completion("", "content_filter"), "content_filter"),
    ],
)
async def test_model_that_will_not_answer_has_refused(body: dict[str, Any], why: str) -> None:
    async with answering(body) as (analyst, _):
        with pytest.raises(ProviderRefused, match=f"^{why}$"):
            await analyst.conclude(call())


@pytest.mark.parametrize("status", [401, 402, 403, 408, 409, 429, 500, 502, 529])
async def test_what_may_be_put_right_is_asked_for_again(status: int) -> None:
    async with answering({"error": {"message": SAID, "code": "any"}}, status) as (analyst, asked):
        with pytest.raises(ProviderUnavailable, match=f"^{status} any$"):
            await analyst.conclude(call())
    assert len(asked) == 1


@pytest.mark.parametrize(("status", "code"), [(400, "any"), (404, "any"), (403, "model_not_found"), (422, "any")])
async def test_what_stays_wrong_is_refused(status: int, code: str) -> None:
    async with answering({"error": {"message": SAID, "code": code}}, status) as (analyst, _):
        with pytest.raises(ProviderRefused, match=f"^{status} {code}$"):
            await analyst.conclude(call())
