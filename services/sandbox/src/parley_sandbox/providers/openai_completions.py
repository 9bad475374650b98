"""OpenAI's Chat Completions with structured outputs: reads a transcript, and fills in whatever form it is given."""

import asyncio
import json
import re
from collections.abc import Iterable

from aiohttp import web

from parley_sandbox.providers.faults import FaultKind, Faults
from parley_sandbox.providers.items import Json, new_id

_UNFIT = re.compile(r'\\["n]')
"""A quotation mark or a line break in a value: OpenAI refuses such a schema."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MODELS = ("gpt-", "o")
_ERRORS = {
    FaultKind.BAD_KEY: (401, "invalid_api_key", "Incorrect API key"),
    FaultKind.QUOTA: (429, "insufficient_quota", "You exceeded your current quota"),
    FaultKind.REFUSE: (503, "server_error", "The server is overloaded"),
}


class Completions:
    """Answers `POST /chat/completions`, not streamed."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/openai/v1/chat/completions", self.complete)]

    async def complete(self, request: web.Request) -> web.StreamResponse:
        fault = self._faults.active("openai")
        if not request.headers.get("Authorization", "").removeprefix("Bearer "):
            return _error(*_ERRORS[FaultKind.BAD_KEY])
        if fault and fault.kind in _ERRORS:
            return _error(*_ERRORS[fault.kind])
        if fault and fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        if fault and fault.kind is FaultKind.DROPPED and request.transport is not None:
            request.transport.abort()
        wanted = await request.json()
        if not wanted["model"].startswith(_MODELS):
            return _error(404, "model_not_found", "The model does not exist or you do not have access to it.")
        schema = (wanted.get("response_format") or {}).get("json_schema", {}).get("schema")
        if schema is None:
            return _error(400, "unsupported_value", "Only a response_format of type json_schema is played here")
        if _UNFIT.search(json.dumps(schema)):
            return _error(400, "invalid_request_error", "Not allowed in string literals of structured outputs")
        content = '{"garbage": [' if fault and fault.kind is FaultKind.GARBAGE else json.dumps(_filled(wanted, schema))
        return web.json_response(_completion(wanted, content))


def _filled(wanted: Json, schema: Json) -> object:
    material = json.loads(wanted["messages"][-1]["content"])
    heard = [turn["text"] for turn in material["transcript"] if turn["speaker"] == "user"]
    return _value(schema, schema.get("$defs", {}), heard)


def _value(schema: Json, known: Json, heard: list[str]) -> object:
    """Answer by the kind that is asked for, out of what the callee said; null if that tells nothing."""
    said = " ".join(heard)
    match schema:
        case {"$ref": reference}:
            return _value(known[reference.rpartition("/")[2]], known, heard)
        case {"anyOf": [asked, {"type": "null"}]}:
            return _value(asked, known, heard) if heard else None
        case {"enum": choices}:
            return _first(choice for choice in choices if choice.lower() in said.lower())
        case {"type": "object", "properties": properties}:
            return {name: _value(asked, known, heard) for name, asked in properties.items()}
        case {"type": "number"}:
            return _first(map(float, _NUMBER.findall(said)))
    return bool(heard) if schema.get("type") == "boolean" else f'The callee said: "{said}"'


def _first(found: Iterable[object]) -> object:
    return next(iter(found), None)


def _completion(wanted: Json, content: str) -> Json:
    asked = sum(len(message["content"].split()) for message in wanted["messages"])
    answered = len(content.split())
    message = {"role": "assistant", "content": content, "refusal": None}
    return {
        "id": new_id("chatcmpl"),
        "object": "chat.completion",
        "created": 0,
        "model": wanted["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered},
    }


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message, "type": code, "param": None}}, status=status)
