"""Sarvam's text to speech: WebSocket (config, text, flush) and plain HTTP."""

import asyncio
import base64
import json
import uuid
from typing import Any

from aiohttp import WSMsgType, web

from parley_sandbox import speech
from parley_sandbox.providers.faults import FaultKind, Faults
from parley_sandbox.speech import Speech, encode

CHUNK_SECONDS = 0.2


class Sarvam:
    """Collects text until it is flushed, then speaks it."""

    def __init__(self, voices: Speech, faults: Faults) -> None:
        self._voices = voices
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/sarvam/text-to-speech/ws", self.websocket), web.post("/sarvam/text-to-speech", self.http)]

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        config: dict[str, Any] = {}
        words: list[str] = []
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            match event["type"]:
                case "config":
                    config, words = event["data"], []
                case "text":
                    words.append(event["data"]["text"])
                case "flush":
                    await self._speak(socket, config, " ".join(words).strip())
                    words = []
                case _:
                    pass
        return socket

    async def http(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        wanted = await request.json()
        audio = await self._render(wanted["text"], wanted)
        answer = {"request_id": uuid.uuid4().hex, "audios": [base64.b64encode(audio).decode()]}
        return web.json_response(answer)

    def _refusal(self, request: web.Request) -> web.Response | None:
        kind = self._faults.kind("sarvam")
        if not request.headers.get("api-subscription-key") or kind is FaultKind.BAD_KEY:
            return web.json_response({"error": {"message": "invalid key", "code": "invalid_api_key"}}, status=403)
        if kind is FaultKind.QUOTA:
            return web.json_response({"error": {"message": "quota", "code": "insufficient_quota"}}, status=429)
        return web.Response(status=503) if kind is FaultKind.REFUSE else None

    async def _speak(self, socket: web.WebSocketResponse, config: dict[str, Any], text: str) -> None:
        fault = self._faults.active("sarvam")
        match fault.kind if fault else None:
            case FaultKind.SLOW if fault is not None:
                await asyncio.sleep(fault.seconds)
            case FaultKind.DROPPED:
                await socket.close()
                return
            case FaultKind.GARBAGE:
                error = {"message": "simulated failure", "code": "500"}
                await socket.send_str(json.dumps({"type": "error", "data": error}))
                return
            case _:
                pass
        request_id = uuid.uuid4().hex
        if text:
            audio = await self._render(text, config)
            step = int(int(config["speech_sample_rate"]) * CHUNK_SECONDS) * 2
            for start in range(0, len(audio), step):
                piece = base64.b64encode(audio[start : start + step]).decode()
                data = {"content_type": "audio", "request_id": request_id, "audio": piece}
                await socket.send_str(json.dumps({"type": "audio", "data": data}))
        final = {"event_type": "final", "request_id": request_id}
        await socket.send_str(json.dumps({"type": "event", "data": final}))

    async def _render(self, text: str, wanted: dict[str, Any]) -> bytes:
        rate = int(wanted["speech_sample_rate"])
        samples = await self._voices.render(text, speech.AGENT, rate)
        return encode(samples, rate, wanted.get("output_audio_codec", "linear16"))
