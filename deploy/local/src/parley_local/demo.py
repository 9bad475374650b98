"""Places calls on the running world and shows each event as it comes, the report, and the recording."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from shlex import quote
from typing import Any

import aio_pika
import av
import boto3
import httpx
import numpy as np
from rich.console import Console

from parley_local.following import (
    ANSWERED,
    PATIENCE_SECONDS,
    REFUSED,
    SAID_BY,
    UNANSWERED,
    DemoFailed,
    Events,
    follow,
)
from parley_local.parts import HOST
from parley_local.world import World

VOICES: dict[str, dict[str, str]] = {
    "Cartesia": {
        "assistant_tts_model": "cartesia",
        "assistant_tts_voice_id": "f786b574-daa5-4673-aa0c-cbe3e8534c02",
    },
    "Sarvam": {"assistant_tts_model": "sarvam", "assistant_tts_speaker": "shubh"},
}


@dataclass(frozen=True)
class Story:
    """One call of the demo: whom it reaches, with which voice, and how it has to go."""

    title: str
    number: str
    voice: str
    status: str
    events: frozenset[str]


STORIES = [
    Story("Somebody answers; the voice is Cartesia's", "0200", "Cartesia", "completed", ANSWERED),
    Story("Somebody answers; the voice is Sarvam's", "0200", "Sarvam", "completed", ANSWERED),
    Story("The line is busy", "0486", "Cartesia", "busy", REFUSED),
    Story("Nobody answers", "0408", "Cartesia", "no_answer", UNANSWERED),
]
HEARD = 0.003
"""Root mean square, full scale being 1, above which a second of a channel holds speech."""


class Demo:
    """A customer with a key, a trunk and an endpoint, who watches the events of each call."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._console = console
        self._name = f"demo-{time.time_ns()}"
        self._inbox = f"http://{HOST}:{world.ports.sandbox_port}/receiver/{self._name}"
        self._http = httpx.AsyncClient(base_url=f"http://{HOST}:{world.ports.port}", timeout=20, trust_env=False)

    async def run(self) -> str:
        """Place the calls one after another; return what to paste for the next one. Raises DemoFailed."""
        async with self._http, self._events() as events:
            trunk_id = await self._sign_up()
            for story in STORIES:
                self._console.rule(story.title)
                await self._call(events, trunk_id, story)
            assistant_id = await self._assistant(VOICES["Cartesia"])
            return self._by_curl("/call/outbound", _call(assistant_id, trunk_id, "0200"))

    async def _sign_up(self) -> str:
        person = {"user_name": "Demo", "user_email": f"{self._name}@example.com"}
        key = await self._post("/auth/create-key", person)
        self._http.headers["x-api-key"] = key["api_key"]
        secret = (await self._http.get("/auth/webhook-secret")).json()["data"]["secret"]
        (await self._http.put(f"{self._inbox}/behaviour", json={"secret": secret})).raise_for_status()
        trunk = {
            "trunk_name": "Demo line",
            "trunk_address": "sip.example.com",
            "trunk_numbers": ["+15550001111"],
            "trunk_auth_username": "demo",
            "trunk_auth_password": "not-a-real-one",
            "trunk_type": "twilio",
        }
        return str((await self._post("/sip/create-outbound-trunk", trunk))["trunk_id"])

    async def _assistant(self, voice: dict[str, str]) -> str:
        assistant = {
            "assistant_name": "Support Agent",
            "assistant_description": "Helps with orders.",
            "assistant_prompt": "You help {{ name }} with an order.",
            "assistant_start_instruction": 'Say "Hello {{ name }}, how can I help?"',
            "assistant_end_call_url": self._inbox,
            "assistant_limits": {"ringing_timeout_seconds": 5},
            "assistant_analysis": {
                "enabled": True,
                "goal": "{{ name }} knows when the order arrives.",
                "questions": [{"name": "wish", "question": "What does {{ name }} want?"}],
            },
            **voice,
        }
        return str((await self._post("/assistant/create", assistant))["assistant_id"])

    async def _call(self, events: Events, trunk_id: str, story: Story) -> None:
        assistant_id = await self._assistant(VOICES[story.voice])
        started = time.monotonic()
        accepted = await self._post("/call/outbound", _call(assistant_id, trunk_id, story.number))
        await follow(events, accepted["call_id"], story.events, partial(self._show, started))
        report = await self._report(accepted["call_id"], started)
        if report["call_status"] != story.status:
            raise DemoFailed(f"the call ended as {report['call_status']}, not {story.status}")
        if "analysis.ready.v1" in story.events and report["analysis"] is None:
            raise DemoFailed(f"the analysis is {report['analysis_status']}")
        if "recording.ready.v1" in story.events:
            await self._show_recording(accepted["call_id"], report)

    def _show(self, started: float, event: dict[str, Any]) -> None:
        self._line(started, SAID_BY[event["type"]], event["type"], event["call_id"])
        if event["type"] == "transcript.chunk.v1":
            self._console.print(f"{'':14}{event['speaker']}: {event['text']}", style="cyan", markup=False)

    async def _report(self, call_id: str, started: float) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            for delivery in (await self._http.get(self._inbox)).json():
                report: dict[str, Any] = delivery["body"]["data"]
                if report.get("call_id") == call_id:
                    self._line(started, "webhooks", "report received", call_id)
                    if delivery["verified"] is not True:
                        raise DemoFailed("the signature of the report does not hold")
                    self._console.print("The signature holds. The report as it arrived:")
                    self._console.print_json(data=delivery["body"])
                    return report
            await asyncio.sleep(0.1)
        raise DemoFailed(f"no report of call {call_id} within {PATIENCE_SECONDS:.0f} s")

    async def _show_recording(self, call_id: str, report: dict[str, Any]) -> None:
        if report["recording_status"] != "ready":
            raise DemoFailed(f"the recording is {report['recording_status']}")
        seconds, (agent, callee) = await asyncio.to_thread(self._listen, call_id)
        self._console.print(f"Recording: {report['recording_path']}", soft_wrap=True)
        self._console.print(f"{seconds:.1f} s; loudness: agent (left) {agent:.3f}, callee (right) {callee:.3f}")
        if min(agent, callee) < HEARD:
            raise DemoFailed("one channel of the recording is silent")

    def _listen(self, call_id: str) -> tuple[float, tuple[float, float]]:
        """Return the length of a recording, and the loudest second of both channels."""
        given = self._world.environment()
        s3 = boto3.client(
            "s3",
            endpoint_url=given["S3_ENDPOINT_URL"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            region_name=given["AWS_REGION"],
        )
        found = s3.get_object(Bucket=given["S3_BUCKET_NAME"], Key=f"recordings/{call_id}.ogg")
        audio = found["Body"].read()
        with av.open(io.BytesIO(audio), "r") as container:
            rate = container.streams.audio[0].rate
            samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
        whole = samples[:, : samples.shape[1] // rate * rate].reshape(2, -1, rate)
        left, right = np.sqrt(np.mean(np.square(whole), axis=2)).max(axis=1)
        return samples.shape[1] / rate, (float(left), float(right))

    @asynccontextmanager
    async def _events(self) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
        """Hear all events of the world, on a queue that goes with us."""
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def on_message(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            heard.put_nowait(json.loads(message.body))

        async with await aio_pika.connect(self._world.environment()["RABBITMQ_URL"]) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            await queue.bind("parley.events", "#")
            await queue.consume(on_message, no_ack=True)
            yield heard

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = (await self._http.post(path, json=body)).json()
        if not answer["success"]:
            raise DemoFailed(f"POST {path}: {answer['message']} {answer['data']}")
        return answer["data"]

    def _by_curl(self, path: str, body: dict[str, Any]) -> str:
        headers = f"-H 'x-api-key: {self._http.headers['x-api-key']}' -H 'content-type: application/json'"
        return f"curl -s {self._http.base_url.join(path)} {headers} -d {quote(json.dumps(body))}"

    def _line(self, started: float, service: str, event: str, call_id: str) -> None:
        milliseconds = (time.monotonic() - started) * 1000
        line = f"{milliseconds:8.0f} ms  {service:16}{event:24}{call_id}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _call(assistant_id: str, trunk_id: str, number: str) -> dict[str, Any]:
    return {
        "assistant_id": assistant_id,
        "trunk_id": trunk_id,
        "to_number": f"+1555000{number}",
        "call_service": "twilio",
        "metadata": {"name": "John"},
    }
