"""Cartesia's text to speech: WebSocket with contexts and word timestamps, and plain HTTP."""

import asyncio
import base64
import json
from typing import Any

from aiohttp import WSMsgType, web

from parley_sandbox import speech
from parley_sandbox.providers.faults import FaultKind, Faults
from parley_sandbox.speech import Samples, Speech

CHUNK_SECONDS = 0.1


class Cartesia:
    """Speaks whatever is asked for, one chunk of text at a time."""

    def __init__(self, voices: Speech, faults: Faults) -> None:
        self._voices = voices
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/cartesia/tts/websocket", self.websocket), web.post("/cartesia/tts/bytes", self.bytes)]

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        spoken: dict[str, float] = {}
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._speak(socket, json.loads(message.data), spoken)
        return socket

    async def bytes(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        wanted = await request.json()
        rate = wanted["output_format"]["sample_rate"]
        samples = await self._voices.render(wanted["transcript"], speech.AGENT, rate)
        return web.Response(body=samples.tobytes(), content_type="application/octet-stream")

    def _refusal(self, request: web.Request) -> web.Response | None:
        kind = self._faults.kind("cartesia")
        if not request.headers.get("X-API-Key") or kind is FaultKind.BAD_KEY:
            return web.json_response({"error": "invalid API key"}, status=401)
        if kind is FaultKind.QUOTA:
            return web.json_response({"error": "credit limit reached"}, status=402)
        return web.Response(status=503) if kind is FaultKind.REFUSE else None

    async def _speak(self, socket: web.WebSocketResponse, wanted: dict[str, Any], spoken: dict[str, float]) -> None:
        context, text = wanted["context_id"], wanted.get("transcript", "").strip()
        if not await self._disturbed(socket, context):
            if text:
                rate = wanted["output_format"]["sample_rate"]
                samples = await self._voices.render(text, speech.AGENT, rate)
                await _send_audio(socket, context, samples, rate)
                start = spoken.get(context, 0.0)
                spoken[context] = start + len(samples) / rate
                if wanted.get("add_timestamps"):
                    await _send_timestamps(socket, context, text, start, spoken[context])
            if wanted.get("continue") is False:
                await _send(socket, context, "done", status_code=200, done=True)

    async def _disturbed(self, socket: web.WebSocketResponse, context: str) -> bool:
        fault = self._faults.active("cartesia")
        match fault.kind if fault else None:
            case FaultKind.SLOW if fault is not None:
                await asyncio.sleep(fault.seconds)
            case FaultKind.DROPPED:
                await socket.close()
                return True
            case FaultKind.GARBAGE:
                await _send(socket, context, "error", status_code=500, done=True, error="simulated failure")
                return True
            case _:
                pass
        return False


async def _send(socket: web.WebSocketResponse, context: str, kind: str, **fields: object) -> None:
    if not socket.closed:
        await socket.send_str(json.dumps({"type": kind, "context_id": context, **fields}))


async def _send_audio(socket: web.WebSocketResponse, context: str, samples: Samples, rate: int) -> None:
    step = int(rate * CHUNK_SECONDS)
    for start in range(0, len(samples), step):
        data = base64.b64encode(samples[start : start + step].tobytes()).decode()
        await _send(socket, context, "chunk", status_code=206, done=False, data=data)


async def _send_timestamps(socket: web.WebSocketResponse, context: str, text: str, start: float, end: float) -> None:
    words = text.split()
    step = (end - start) / len(words)
    starts = [start + index * step for index in range(len(words))]
    timestamps = {"words": words, "start": starts, "end": [moment + step for moment in starts]}
    await _send(socket, context, "timestamps", status_code=206, done=False, word_timestamps=timestamps)
