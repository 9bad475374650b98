"""The readers of docs/streams.md, as they stand there, against a real stream that ends and is lost in between."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from parley_common.db.journal import Journal
from parley_common.events import CallDeleted, CallEnded, CallRequested
from parley_common.ids import EventId
from tests.processes import INHERITED
from tests.support.streams import Customer, chunk
from tests.support.wire import wire_to

PAGE = (Path(__file__).parents[2] / "docs/streams.md").read_text(encoding="utf-8")
PATIENCE_SECONDS = 30.0
READERS = {"python": [sys.executable, "-c"], "javascript": ["node", "-e"]}


def block(language: str) -> str:
    return str(re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[0])


async def started(words: list[str], environment: dict[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(*words, env=INHERITED | environment, stdout=PIPE)


async def heard(process: Process) -> tuple[str, str]:
    """Wait for the next event that a reader names."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        name, _, body = (await process.stdout.readline()).decode().partition(" ")
    return name, json.loads(body)["data"]["call_id"]


@pytest.mark.parametrize("language", ["python", "javascript"])
async def test_reader_follows_a_call_to_its_end_through_a_lost_connection_and_a_503(
    ada: Customer, language: str
) -> None:
    call = await ada.finished()
    await ada.tell(CallRequested.of(call, event_id=EventId("evt_1")), chunk(call, 1))
    port = urlsplit(ada.url).port
    assert port is not None
    async with wire_to(port) as wire:
        given = {"PARLEY_URL": f"http://127.0.0.1:{wire.port}", "PARLEY_KEY": ada.key, "CALL_ID": call.call_id}
        reader = await started([*READERS[language], block(language)], given)
        seen = [await heard(reader), await heard(reader)]
        wire.cut()
        wire.refuse_once()
        await ada.tell(chunk(call, 2), CallEnded.of(call, event_id=EventId("evt_2")))
        await wire.lay()
        seen += [await heard(reader), await heard(reader)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.wait() == 0
        assert wire.has_refused
    told = ["call.requested", "transcript.chunk", "transcript.chunk", "call.ended"]
    assert seen == [(name, call.call_id) for name in told]


@pytest.mark.parametrize("language", ["python", "javascript"])
async def test_reader_passes_over_what_was_told_before_its_call_was_deleted(ada: Customer, language: str) -> None:
    call = await ada.finished()
    await ada.tell(CallRequested.of(call, event_id=EventId("evt_1")), CallEnded.of(call, event_id=EventId("evt_2")))
    await Journal(ada.database).blank(call.call_id)
    await ada.tell(CallDeleted.of(call, event_id=EventId("evt_3")))
    given = {"PARLEY_URL": ada.url, "PARLEY_KEY": ada.key, "CALL_ID": call.call_id}
    reader = await started([*READERS[language], block(language)], given)
    assert await heard(reader) == ("call.deleted", call.call_id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await reader.wait() == 0


async def test_line_for_curl_shows_a_call(ada: Customer) -> None:
    call = await ada.finished()
    await ada.tell(CallEnded.of(call))
    line = block("").replace("localhost:8000", ada.url)
    reader = await started(["bash", "-c", line], {"KEY": ada.key, "CALL_ID": call.call_id})
    async with asyncio.timeout(PATIENCE_SECONDS):
        shown, _ = await reader.communicate()
    assert f"id: {CallEnded.of(call).event_id}" in shown.decode()
    assert "event: call.ended" in shown.decode()
