"""One response of OpenAI's Realtime model: its words or its tool call, in the events that OpenAI sends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from parley_sandbox.providers.faults import Fault, FaultKind
from parley_sandbox.providers.items import Json, new_id
from parley_sandbox.providers.mind import Reply

TOKEN_SECONDS = 0.01
USAGE: Json = {
    "total_tokens": 150,
    "input_tokens": 100,
    "output_tokens": 50,
    "input_token_details": {"cached_tokens": 40, "text_tokens": 60, "audio_tokens": 40},
    "output_token_details": {"text_tokens": 50, "audio_tokens": 0},
}


class Send(Protocol):
    """Sends an event of this kind to the client."""

    async def __call__(self, kind: str, **fields: object) -> None: ...


class Response:
    """What the model answers; cancelled, it keeps the words so far."""

    def __init__(self, send: Send, add_item: Callable[[Json], Awaitable[None]], metadata: Json | None) -> None:
        self.id = new_id("resp")
        self._send = send
        self._add_item = add_item
        self._output: list[Json] = []
        self._told: Json = {
            "id": self.id, "object": "realtime.response", "status": "in_progress", "status_details": None,
            "output": [], "metadata": metadata, "usage": None,
        }  # fmt: skip

    async def produce(self, fault: Fault | None, think: Callable[[], Reply]) -> None:
        await self._send("response.created", response=self._told)
        if fault is not None and fault.kind is FaultKind.QUOTA:
            details = {"type": "failed", "error": {"type": "insufficient_quota", "code": "insufficient_quota"}}
            await self._done("failed", details)
            return
        if fault is not None and fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        reply = think()
        try:
            if reply.words is not None:
                await self._say(reply.words)
            if reply.tool is not None:
                await self._call_tool(reply.tool)
        except asyncio.CancelledError as error:
            reason = error.args[0] if error.args else "client_cancelled"
            await self._done("cancelled", {"type": "cancelled", "reason": reason})
            return
        await self._done("completed", None)

    async def _say(self, text: str) -> None:
        item: Json = {"id": new_id("item"), "object": "realtime.item", "type": "message", "status": "in_progress",
                      "role": "assistant", "content": []}  # fmt: skip
        place = {"response_id": self.id, "item_id": item["id"], "output_index": 0, "content_index": 0}
        await self._open_item(item)
        await self._send("response.content_part.added", **place, part={"type": "text", "text": ""})
        spoken = ""
        try:
            for word in text.split(" "):
                await asyncio.sleep(TOKEN_SECONDS)
                token = word if not spoken else f" {word}"
                spoken += token
                await self._send("response.output_text.delta", **place, delta=token)
            item["status"] = "completed"
        except asyncio.CancelledError:
            item["status"] = "incomplete"
            raise
        finally:
            item["content"] = [{"type": "output_text", "text": spoken}]
            self._output.append(item)
        await self._send("response.output_text.done", **place, text=spoken)
        await self._send("response.content_part.done", **place, part={"type": "text", "text": spoken})
        await self._close_item(item)

    async def _call_tool(self, name: str) -> None:
        item: Json = {"id": new_id("item"), "object": "realtime.item", "type": "function_call",
                      "status": "in_progress", "name": name, "call_id": new_id("call"), "arguments": ""}  # fmt: skip
        await self._open_item(item)
        item |= {"status": "completed", "arguments": "{}"}
        await self._send(
            "response.function_call_arguments.done",
            response_id=self.id, item_id=item["id"], output_index=0, call_id=item["call_id"], arguments="{}",
        )  # fmt: skip
        await self._close_item(item)
        self._output.append(item)

    async def _open_item(self, item: Json) -> None:
        await self._send("response.output_item.added", response_id=self.id, output_index=0, item=dict(item))
        await self._add_item(dict(item))

    async def _close_item(self, item: Json) -> None:
        await self._send("response.output_item.done", response_id=self.id, output_index=0, item=item)

    async def _done(self, status: str, details: Json | None) -> None:
        finished = {"status": status, "status_details": details, "output": self._output, "usage": USAGE}
        await self._send("response.done", response=self._told | finished)
