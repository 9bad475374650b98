"""LiveKit's webhooks: what it signed becomes an event, what anybody else sends becomes nothing."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from livekit import api

from parley_common.calls import Call
from parley_common.db import Database
from parley_common.lifecycle import CallStatus
from parley_common.settings import RabbitSettings
from tests import factories
from tests.support.customer import until
from tests.support.envelope import refused
from tests.support.front import Client, Front
from tests.support.listener import Listener, listening
from tests.support.stored import store

CONTENT_TYPE = "application/webhook+json"
PARTICIPANT = {"identity": "callee_1", "kind": "SIP", "disconnectReason": "CLIENT_INITIATED"}


@pytest.fixture
async def call(front: Front) -> Call:
    """A call whose first event has gone out, before anybody listens."""

    async def connected() -> bool | None:
        return await front.services.publishes.ping(1.0) or None

    made = factories.call()
    await until(connected)
    await store(front.services.calls, made)
    await front.services.relay.flush(made.call_id)
    return made


@pytest.fixture
async def listener(rabbit: RabbitSettings, call: Call) -> AsyncIterator[Listener]:
    async with listening(str(rabbit.rabbitmq_url)) as opened:
        yield opened


class LiveKit:
    """Signs and sends as LiveKit does; another secret, body or time makes it a forger."""

    def __init__(self, client: Client, environment: dict[str, str]) -> None:
        self._client = client
        self._key, self._secret = environment["LIVEKIT_API_KEY"], environment["LIVEKIT_API_SECRET"]

    def token(self, body: str, *, secret: str | None = None, ttl: timedelta = timedelta(minutes=5)) -> str:
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        return api.AccessToken(self._key, secret or self._secret).with_sha256(digest).with_ttl(ttl).to_jwt()

    async def send(self, body: str, token: str | None, content_type: str = CONTENT_TYPE) -> httpx.Response:
        headers = {"content-type": content_type} | ({"authorization": token} if token is not None else {})
        return await self._client.http.post("/livekit/webhook", content=body.encode(), headers=headers)

    async def tell(self, event: str, call: Call, event_id: str = "EV_1", **facts: Any) -> httpx.Response:
        body = told(event, call, event_id, **facts)
        return await self.send(body, self.token(body))


def told(event: str, call: Call, event_id: str = "EV_1", **facts: Any) -> str:
    room = {"sid": "RM_1", "name": call.room_name}
    return json.dumps({"event": event, "room": room, "id": event_id, "createdAt": "1710928800", **facts})


def phone(status: str) -> dict[str, Any]:
    return PARTICIPANT | {"attributes": {"sip.callStatus": status}}


@pytest.fixture
async def livekit(front: Front, environment: dict[str, str]) -> LiveKit:
    return LiveKit(await front.stranger(), environment)


async def test_signed_events_are_passed_on_under_their_own_ids(
    livekit: LiveKit, listener: Listener, call: Call
) -> None:
    egress = {"egressId": "EG_1", "roomName": call.room_name, "status": "EGRESS_COMPLETE"}
    answers = [
        await livekit.tell("participant_left", call, "EV_1", participant=PARTICIPANT),
        await livekit.tell("room_finished", call, "EV_2"),
        await livekit.tell("egress_ended", call, "EV_3", egressInfo=egress),
    ]
    assert [answer.status_code for answer in answers] == [200] * 3
    left, finished, ended = [await listener.next() for _ in answers]
    assert {one["call_id"] for one in (left, finished, ended)} == {call.call_id}
    assert [one["event_id"] for one in (left, finished, ended)] == ["EV_1", "EV_2", "EV_3"]
    assert (left["type"], left["kind"], left["reason"]) == ("livekit.participant_left.v1", "sip", "client_initiated")
    assert finished["type"] == "livekit.room_finished.v1"
    assert (ended["type"], ended["egress_status"]) == ("livekit.egress_ended.v1", "egress_complete")


@pytest.mark.parametrize("status", ["hangup", "active"])
async def test_phone_that_was_picked_up_leaves_as_answered(
    livekit: LiveKit, listener: Listener, call: Call, status: str
) -> None:
    await livekit.tell("participant_left", call, participant=phone(status))
    assert (await listener.next())["answered"] is True


@pytest.mark.parametrize("status", ["ringing", "dialing"])
async def test_phone_that_only_rang_leaves_as_not_answered(
    livekit: LiveKit, listener: Listener, call: Call, status: str
) -> None:
    await livekit.tell("participant_left", call, participant=phone(status))
    assert (await listener.next())["answered"] is False


async def test_room_that_is_made_for_a_call_that_is_over_is_told(
    front: Front, livekit: LiveKit, listener: Listener, call: Call
) -> None:
    await front.services.calls.advance(call.call_id, CallStatus.STARTING)
    await livekit.tell("room_started", call, "EV_1")
    await front.services.calls.advance(call.call_id, CallStatus.CANCELED)
    await livekit.tell("room_started", call, "EV_2")
    reopened = await listener.next()
    assert (reopened["type"], reopened["event_id"]) == ("livekit.room_reopened.v1", "EV_2")


async def test_repeated_event_keeps_its_id(livekit: LiveKit, listener: Listener, call: Call) -> None:
    for _ in range(2):
        assert (await livekit.tell("room_finished", call, "EV_7")).status_code == 200
    assert [(await listener.next())["event_id"] for _ in range(2)] == ["EV_7", "EV_7"]


async def test_events_out_of_order_are_all_passed_on(livekit: LiveKit, listener: Listener, call: Call) -> None:
    await livekit.tell("room_finished", call, "EV_2", createdAt="1710928805")
    await livekit.tell("participant_left", call, "EV_1", participant=PARTICIPANT, createdAt="1710928800")
    assert [(await listener.next())["event_id"] for _ in range(2)] == ["EV_2", "EV_1"]


async def test_forged_requests_are_refused_and_tell_nobody(
    livekit: LiveKit, listener: Listener, call: Call, database: Database
) -> None:
    body = told("room_finished", call, "EV_forged")
    forgeries = [
        await livekit.send(body, None),
        await livekit.send(body, ""),
        await livekit.send(body, "Bearer"),
        await livekit.send(body, "not.a.token"),
        await livekit.send(body, livekit.token(body, secret="somebody-elses-secret-of-32-characters")),
        await livekit.send(body, livekit.token(body, ttl=timedelta(hours=-1))),
        await livekit.send(body, livekit.token(told("room_finished", call, "EV_other"))),
        await livekit.send(body + " ", livekit.token(body)),
    ]
    assert {refused(answer) for answer in forgeries} == {(401, "Invalid webhook signature")}
    await livekit.tell("room_finished", call, "EV_genuine")
    assert (await listener.next())["event_id"] == "EV_genuine"
    assert await database.get_collection("calls").count_documents({"version": {"$ne": 1}}) == 0


@pytest.mark.parametrize("body", ["", "{", '{"event": 5}', "null"])
async def test_signed_garbage_is_refused(livekit: LiveKit, call: Call, body: str) -> None:
    assert (await livekit.send(body, livekit.token(body))).status_code == 401


async def test_what_nobody_wants_to_know_is_taken_and_dropped(
    front: Front, livekit: LiveKit, listener: Listener, call: Call
) -> None:
    await front.services.calls.advance(call.call_id, CallStatus.STARTING)
    recorder = {"identity": "EG_1", "kind": "EGRESS"}
    elsewhere = call.model_copy(update={"room_name": "somebody_elses_room"})
    answers = [
        await livekit.tell("room_started", call),
        await livekit.tell("of_a_newer_server", call, newField={"a": 1}),
        await livekit.tell("participant_left", call, participant=recorder),
        await livekit.tell("room_finished", elsewhere),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    await livekit.tell("room_finished", call, "EV_later")
    assert (await listener.next())["event_id"] == "EV_later"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream"])
async def test_signature_counts_and_not_the_content_type(
    livekit: LiveKit, listener: Listener, call: Call, content_type: str
) -> None:
    body = told("room_finished", call)
    assert (await livekit.send(body, livekit.token(body), content_type)).status_code == 200
    assert (await listener.next())["event_id"] == "EV_1"
