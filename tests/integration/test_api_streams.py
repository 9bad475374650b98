"""Live streams: what happened and what happens, once and in order, to the owner alone."""

import asyncio
import socket
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client import REGISTRY

from parley_api.streams import following
from parley_common.analyses import Analysis, Findings
from parley_common.assistants import AnalysisPlan
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.journal import KEPT, Entry, Journal
from parley_common.errors import DatabaseUnavailable
from parley_common.events import (
    AnalysisReady,
    CallAnswered,
    CallEnded,
    CallRequested,
    CallRinging,
    RecordingReady,
)
from parley_common.ids import EventId
from parley_common.lifecycle import CallStatus
from parley_common.recordings import Recording, RecordingStatus
from tests import factories
from tests.support.customer import until
from tests.support.envelope import reasons, refused
from tests.support.front import Front
from tests.support.streams import PATIENCE_SECONDS, Customer, Join, chunk

RECORDED = {"path": "https://bucket.test/call.ogg", "size_bytes": 1, "duration_seconds": 1.0}


def numbers(bodies: list[dict[str, Any]]) -> list[int]:
    return [body["data"]["seq"] for body in bodies]


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {
        "API_STREAMS_PER_OWNER": "3",
        "API_STREAM_HEARTBEAT": "PT0.05S",
        "API_STREAM_SEND_TIMEOUT": "PT0.5S",
    }


@pytest.fixture
def no_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have readers look only when they are woken."""
    monkeypatch.setattr(following, "LOOK_EVERY", timedelta(hours=1))


async def test_call_is_told_from_its_beginning_and_goes_on_as_it_happens(ada: Customer, no_looking: None) -> None:
    call = await ada.call()
    await ada.tell(CallRequested.of(call), CallRinging.of(call, event_id=EventId("evt_2"), seq=2))
    async with ada.one(call) as reader:
        past = await reader.take(2)
        answered = CallAnswered.of(call, event_id=EventId("evt_3"), seq=3, answered_at=now())
        await ada.tell(answered, chunk(call, 1))
        live = await reader.take(2)
    assert [body["type"] for body in past] == ["call.requested", "call.ringing"]
    assert [body["type"] for body in live] == ["call.answered", "transcript.chunk"]
    assert live[1]["data"]["text"] == "Hello John."


async def test_stream_has_the_id_and_the_body_of_a_webhook(ada: Customer) -> None:
    call = await ada.call()
    ringing = CallRinging.of(call)
    await ada.tell(ringing)
    async with ada.one(call) as reader:
        body = await reader.next()
    assert reader.last_event_id == ringing.event_id
    assert body == {
        "success": True,
        "message": "Call ringing",
        "type": "call.ringing",
        "timestamp": body["timestamp"],
        "data": {"call_id": call.call_id, "seq": ringing.seq, "room_name": call.room_name},
    }
    assert reader.response.headers["content-type"].startswith("text/event-stream")
    assert reader.response.headers["cache-control"] == "no-store"


async def test_nothing_is_lost_or_doubled_where_the_past_ends_and_the_present_begins(
    ada: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAGE", 20)
    call, count = await ada.call(), 70
    telling = asyncio.create_task(ada.tell(*(chunk(call, number) for number in range(count))))
    async with asyncio.timeout(60), ada.one(call) as reader:
        seen = await reader.take(20)
        async with ada.one(call, reader.last_event_id) as again:
            seen += await again.take(count - 20)
    await telling
    assert numbers(seen) == list(range(count))


async def test_stream_of_all_events_begins_now_and_can_be_taken_up_before_anything_has_happened(ada: Customer) -> None:
    call = await ada.call()
    async with ada.all() as reader:
        nothing_yet = await reader.bookmark()
    await ada.tell(CallRequested.of(call))
    async with ada.all(nothing_yet) as reader:
        first = await reader.next()
        seen = reader.last_event_id
    async with ada.all() as reader:
        now_on = await reader.bookmark()
        await ada.tell(chunk(call, 1))
        second = await reader.next()
    assert (first["type"], second["type"]) == ("call.requested", "transcript.chunk")
    assert now_on == seen


async def test_stream_of_all_events_goes_over_calls_and_that_of_one_call_does_not(ada: Customer) -> None:
    one, other = await ada.call(), await ada.call()
    await ada.tell(chunk(one, 1), chunk(other, 2), chunk(one, 3))
    async with ada.all("start") as all_calls, ada.one(one) as one_call:
        assert numbers(await all_calls.take(3)) == [1, 2, 3]
        assert numbers(await one_call.take(2)) == [1, 3]


async def test_call_stream_ends_after_the_end_of_a_call_that_nobody_answered(ada: Customer, no_looking: None) -> None:
    call = await ada.finished()
    await ada.tell(CallRequested.of(call))
    async with ada.one(call) as reader:
        await reader.next()
        await ada.tell(CallEnded.of(call, event_id=EventId("evt_end")))
        told = await reader.rest()
    assert [body["data"]["call_status"] for body in told] == ["busy"]


async def test_call_stream_waits_for_the_recording_before_it_ends(ada: Customer, no_looking: None) -> None:
    call = await ada.finished(
        status=CallStatus.COMPLETED, answered_at=now(), recording=Recording(status=RecordingStatus.PROCESSING)
    )
    await ada.tell(CallEnded.of(call))
    ready = Recording(status=RecordingStatus.READY, path=RECORDED["path"])
    async with ada.one(call) as reader:
        ended = await reader.next()
        noted = await Calls(ada.database).note(call.call_id, derived=lambda _: {"recording": ready})
        assert noted is not None
        await ada.tell(RecordingReady.of(noted, **RECORDED))
        last = await reader.rest()
    assert ended["data"]["recording_status"] == "processing"
    assert [(body["type"], body["data"]["recording_path"]) for body in last] == [("recording.ready", RECORDED["path"])]


async def test_call_stream_waits_for_the_analysis_before_it_ends(front: Front, ada: Customer, no_looking: None) -> None:
    wanted = factories.assistant(analysis=AnalysisPlan(enabled=True), recording_enabled=False)
    call = await ada.finished(status=CallStatus.COMPLETED, answered_at=now(), assistant=wanted)
    await ada.tell(CallEnded.of(call))
    view = following.View(ada.owner, "key_1", call.call_id)
    async with ada.one(call) as reader:
        ended = await reader.next()
        concluded = Analysis(requested_at=now(), findings=Findings(summary="An order."))
        noted = await Calls(ada.database).note(call.call_id, analysis=concluded)
        assert noted is not None
        assert not await following.has_ended(front.services, view), "that it is decided was not told yet"
        await ada.tell(AnalysisReady.of(noted))
        last = await reader.rest()
    assert ended["data"]["analysis_status"] == "processing"
    assert [(body["type"], body["data"]["analysis"]["summary"]) for body in last] == [("analysis.ready", "An order.")]


async def test_stream_of_a_call_of_long_ago_has_ended_whatever_was_never_decided(front: Front, ada: Customer) -> None:
    wanted = factories.assistant(analysis=AnalysisPlan(enabled=True))
    long_ago = now() - KEPT - timedelta(minutes=1)
    call = await ada.finished(status=CallStatus.COMPLETED, answered_at=long_ago, ended_at=long_ago, assistant=wanted)
    assert await following.has_ended(front.services, following.View(ada.owner, "key_1", call.call_id))


async def test_stream_stays_open_while_the_database_is_away(ada: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = asyncio.Event()

    async def away(*_: object, **__: object) -> list[Entry]:
        tried.set()
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(following, "LOOK_EVERY", timedelta(milliseconds=50))
    call = await ada.call()
    await ada.tell(chunk(call, 1))
    async with ada.one(call) as reader:
        await reader.next()
        with monkeypatch.context() as outage:
            outage.setattr(Journal, "after", away)
            await ada.tell(chunk(call, 2))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await tried.wait()
        assert numbers([await reader.next()]) == [2]


async def test_whoever_comes_back_to_a_call_that_has_told_all_is_sent_away(ada: Customer) -> None:
    call = await ada.finished()
    await ada.tell(CallRequested.of(call, event_id=EventId("evt_1")), CallEnded.of(call, event_id=EventId("evt_2")))
    path = f"/call/{call.call_id}/events"
    answer = await ada.client.get(path, headers={"last-event-id": "evt_2"})
    assert (answer.status_code, answer.content) == (204, b"")
    async with ada.one(call, "evt_1") as reader:
        assert [body["type"] for body in await reader.rest()] == ["call.ended"]


@pytest.mark.parametrize("wrong", ["", "0", "evt_unknown", "é", "x" * 1000, "start "])
async def test_id_of_no_event_is_refused(ada: Customer, wrong: str) -> None:
    call = await ada.call()
    for path in ("/events", f"/call/{call.call_id}/events"):
        answer = await ada.client.get(path, headers={"last-event-id": wrong.encode()})
        assert reasons(answer) == {
            "Last-Event-ID": "must be the id of one of your events; what follows an event is kept for 3 days"
        }


async def test_id_of_anothers_event_is_refused_like_one_that_never_was(ada: Customer, join: Join) -> None:
    bo = await join()
    call = await bo.call()
    await bo.tell(ringing := CallRinging.of(call))
    theirs = await ada.client.get("/events", headers={"last-event-id": ringing.event_id})
    unknown = await ada.client.get("/events", headers={"last-event-id": ringing.event_id + "x"})
    assert theirs.status_code == 422
    assert theirs.content == unknown.content


async def test_owner_hears_nothing_of_anothers_calls(ada: Customer, join: Join) -> None:
    bo = await join()
    theirs, own = await bo.call(), await ada.call()
    async with ada.all("start") as reader:
        await bo.tell(chunk(theirs, 1))
        await ada.tell(chunk(own, 2))
        assert (await reader.next())["data"]["call_id"] == own.call_id


async def test_key_may_come_as_a_bearer_token(ada: Customer) -> None:
    call = await ada.finished()
    await ada.tell(CallEnded.of(call))
    async with httpx.AsyncClient(trust_env=False) as http:
        bearer = {"authorization": f"Bearer {ada.key}"}
        answer = await http.get(f"{ada.url}/call/{call.call_id}/events", headers=bearer)
    assert "event: call.ended" in answer.text


async def test_owner_has_so_many_streams_and_a_closed_one_makes_room(ada: Customer) -> None:
    async with AsyncExitStack() as streams:
        for _ in range(3):
            await streams.enter_async_context(ada.all())
        answer = await ada.client.get("/events")
        assert refused(answer) == (429, "Too many open streams")
        assert int(answer.headers["retry-after"]) >= 1
    await until(seats_are_free)
    async with ada.all() as reader:
        await reader.bookmark()


def taken() -> float | None:
    return REGISTRY.get_sample_value("parley_api_open_streams")


async def seats_are_taken() -> bool:
    return taken() != 0


async def seats_are_free() -> bool:
    return taken() == 0


async def test_stream_on_which_nothing_happens_shows_that_it_lives(ada: Customer) -> None:
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        asyncio.timeout(PATIENCE_SECONDS),
        http.stream("GET", f"{ada.url}/events", headers={"x-api-key": ada.key}) as stream,
    ):
        comments = (line async for line in stream.aiter_lines() if line.startswith(":"))
        assert [await anext(comments) for _ in range(2)] == [": still here"] * 2
        await comments.aclose()


async def test_reader_that_takes_nothing_in_is_cut(ada: Customer) -> None:
    call = await ada.call()
    await ada.tell(*(chunk(call, number, text="word " * 20_000) for number in range(10)))
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)  # noqa: FBT003
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", urlsplit(ada.url).port))
        head = f"GET /call/{call.call_id}/events HTTP/1.1\r\nhost: api\r\nx-api-key: {ada.key}\r\n\r\n"
        await loop.sock_sendall(deaf, head.encode())
        await until(seats_are_taken)
        await until(seats_are_free)
    async with ada.one(call) as reader:
        assert len(await reader.take(10)) == 10
