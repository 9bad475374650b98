"""OpenAI's Realtime API over WebSocket: hears audio, answers in text, calls tools."""

import asyncio
import base64
import json
from collections.abc import Coroutine
from functools import partial
from typing import Any

import numpy as np
import structlog
from aiohttp import WSMsgType, web

from parley_sandbox.hearing import Recogniser
from parley_sandbox.providers.faults import FaultKind, Faults
from parley_sandbox.providers.items import Items, Json, new_id
from parley_sandbox.providers.mind import Mind, Reply
from parley_sandbox.providers.realtime_response import Response
from parley_sandbox.providers.turns import TurnDetector
from parley_sandbox.speech import Samples

log = structlog.get_logger()

RATE = 24_000


class Realtime:
    """Accepts sessions."""

    def __init__(self, recogniser: Recogniser, faults: Faults) -> None:
        self._recogniser = recogniser
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/openai/v1/realtime", self.serve)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        fault = self._faults.kind("openai")
        if not key or fault is FaultKind.BAD_KEY:
            return web.json_response({"error": {"code": "invalid_api_key", "message": "Incorrect API key"}}, status=401)
        if fault is FaultKind.REFUSE:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await Session(socket, request.query.get("model", ""), self._recogniser, self._faults).run()
        return socket


class Session:
    """One connection: its configuration, its conversation items and at most one running response."""

    def __init__(self, socket: web.WebSocketResponse, model: str, recogniser: Recogniser, faults: Faults) -> None:
        self._socket = socket
        self._recogniser = recogniser
        self._faults = faults
        self._mind = Mind()
        self._turns = TurnDetector(RATE)
        self._items = Items()
        self._session: Json = {
            "id": new_id("sess"), "object": "realtime.session", "type": "realtime", "model": model,
            "output_modalities": ["audio"], "instructions": "", "tools": [],
        }  # fmt: skip
        self._responding: asyncio.Task[None] | None = None
        self._response_id: str | None = None
        self._turn_item = new_id("item")
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        await self._send("session.created", session=self._session)
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                fault = self._faults.kind("openai")
                if fault is FaultKind.DROPPED:
                    return
                if fault is FaultKind.GARBAGE:
                    await self._socket.send_str('{"type": "garbage", "nonsense": [}')
                    continue
                await self._receive(json.loads(message.data))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._socket.close()

    async def _receive(self, event: Json) -> None:
        match event["type"]:
            case "session.update":
                _merge(self._session, event["session"])
                await self._send("session.updated", session=self._session)
            case "input_audio_buffer.append":
                await self._hear(np.frombuffer(base64.b64decode(event["audio"]), dtype=np.int16))
            case "input_audio_buffer.commit":
                await self._commit(self._turns.cut())
            case "input_audio_buffer.clear":
                await self._send("input_audio_buffer.cleared")
            case "conversation.item.create":
                await self._create_item(event)
            case "conversation.item.delete":
                self._items.remove(event["item_id"])
                await self._send("conversation.item.deleted", item_id=event["item_id"])
            case "conversation.item.truncate":
                await self._send(
                    "conversation.item.truncated",
                    item_id=event["item_id"], content_index=0, audio_end_ms=event["audio_end_ms"],
                )  # fmt: skip
            case "response.create":
                await self._create_response(event)
            case "response.cancel":
                await self._cancel_response(event)
            case unknown:
                await self._error("unknown_event", f"unsupported event {unknown}", event)

    async def _hear(self, samples: Samples) -> None:
        detection = (self._session.get("audio") or {}).get("input", {}).get("turn_detection") or {}
        started, utterance = self._turns.hear(samples, detection.get("silence_duration_ms", 500) / 1000)
        if started:
            self._turn_item = new_id("item")
            await self._send("input_audio_buffer.speech_started", item_id=self._turn_item, audio_start_ms=0)
            if detection.get("interrupt_response", True) and self._running:
                self._stop_response("turn_detected")
        if utterance is not None:
            await self._send("input_audio_buffer.speech_stopped", item_id=self._turn_item, audio_end_ms=0)
            await self._commit(utterance)
            if detection.get("create_response", True):
                await self._await_response()
                self._respond(None, None)

    async def _commit(self, utterance: Samples) -> None:
        item_id, self._turn_item = self._turn_item, new_id("item")
        await self._send("input_audio_buffer.committed", item_id=item_id, previous_item_id=self._items.last)
        await self._add_item(
            {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
             "content": [{"type": "input_audio", "transcript": None}]}
        )  # fmt: skip
        text = await asyncio.to_thread(self._recogniser.understand, utterance)
        self._mind.hear(text)
        if (self._session.get("audio") or {}).get("input", {}).get("transcription"):
            self._spawn(self._transcribe(item_id, text))

    async def _transcribe(self, item_id: str, text: str) -> None:
        kind = "conversation.item.input_audio_transcription"
        half = len(text) // 2
        for delta in (text[:half], text[half:]):
            await self._send(f"{kind}.delta", item_id=item_id, content_index=0, delta=delta)
        usage = {"type": "tokens", "total_tokens": 30, "input_tokens": 20, "output_tokens": 10}
        await self._send(f"{kind}.completed", item_id=item_id, content_index=0, transcript=text, usage=usage)

    async def _create_item(self, event: Json) -> None:
        item = {"id": new_id("item"), "object": "realtime.item", "status": "completed", **event["item"]}
        await self._add_item(item, event.get("previous_item_id"))
        if item["type"] == "function_call_output":
            self._mind.learn(item["output"])
        elif item.get("role") == "user":
            self._mind.hear(" ".join(content.get("text", "") for content in item["content"]))

    async def _add_item(self, item: Json, after: str | None = None) -> None:
        previous = self._items.add(item, after)
        await self._send("conversation.item.added", item=item, previous_item_id=previous)

    @property
    def _running(self) -> bool:
        return self._responding is not None and not self._responding.done()

    async def _create_response(self, event: Json) -> None:
        if self._running:
            code = "conversation_already_has_active_response"
            await self._error(code, "Conversation already has an active response", event)
            return
        wanted = event.get("response") or {}
        self._respond(wanted.get("instructions"), wanted.get("metadata"))

    async def _cancel_response(self, event: Json) -> None:
        if self._running and event.get("response_id") in (None, self._response_id):
            self._stop_response("client_cancelled")
        else:
            await self._error("response_cancel_not_active", "Cancellation failed: no active response found", event)

    def _stop_response(self, reason: str) -> None:
        if self._responding is not None:
            self._responding.cancel(reason)

    async def _await_response(self) -> None:
        if self._responding is not None:
            await asyncio.gather(self._responding, return_exceptions=True)

    def _respond(self, instructions: str | None, metadata: Json | None) -> None:
        response = Response(self._send, self._add_item, metadata)
        thinking = partial(self._think, self._own(instructions))
        self._response_id = response.id
        self._responding = self._spawn(response.produce(self._faults.active("openai"), thinking))

    def _think(self, instructions: str | None) -> Reply:
        tools = {tool["name"]: tool.get("description", "") for tool in self._session.get("tools") or []}
        return self._mind.reply(instructions, tools)

    def _own(self, instructions: str | None) -> str | None:
        """Cut off the session's instructions, which the client puts before its own."""
        if instructions is None:
            return None
        return instructions.removeprefix(self._session.get("instructions") or "").strip() or None

    async def _error(self, code: str, message: str, event: Json) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": message, "param": None,
                 "event_id": event.get("event_id")}  # fmt: skip
        await self._send("error", error=error)

    async def _send(self, kind: str, **fields: object) -> None:
        if not self._socket.closed:
            await self._socket.send_str(json.dumps({"type": kind, "event_id": new_id("event"), **fields}))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _merge(target: Json, changes: Json) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value
