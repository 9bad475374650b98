"""Nobody reaches an endpoint without a key, and nobody learns of another owner's things."""

import json
import secrets
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from parley_api.app import make_app
from parley_common.clock import now
from parley_common.crypto import fingerprint
from parley_common.db import Database
from tests.support.envelope import data_of, refused
from tests.support.front import ASSISTANT, ENDPOINT, SUBSCRIPTION, TRUNK, Client, Front
from tests.support.operations import OPERATIONS, Operation

PUBLIC = {"POST /auth/create-key", "GET /health", "GET /ready"}
LISTS = {"GET /assistant/list", "GET /sip/list", "GET /call/list", "GET /endpoints", "GET /subscriptions"}
OWN = {"GET /auth/check-key", "GET /auth/webhook-secret", "GET /auth/keys", "POST /auth/keys"}
MAKE = {
    "POST /assistant/create": ASSISTANT,
    "POST /sip/create-outbound-trunk": TRUNK,
    "POST /endpoints": ENDPOINT,
    "POST /subscriptions": SUBSCRIPTION,
}
CHANGE = {
    "PATCH /assistant/update/{assistant_id}": {"assistant_name": "Taken over"},
    "PATCH /sip/update/{trunk_id}": {"trunk_limits": {"max_concurrent_calls": 1}},
    "PATCH /endpoints/{endpoint_id}": {"event_types": ["call.ended"]},
    "POST /endpoints/{endpoint_id}/rotate-secret": {},
    "POST /endpoints/{endpoint_id}/test": {},
    "POST /endpoints/{endpoint_id}/recover": {"since": "2024-03-20T10:00:00Z"},
}
NAMES_A_THING = {
    "POST /auth/keys/{key_id}/rotate",
    "DELETE /auth/keys/{key_id}",
    "PATCH /assistant/update/{assistant_id}",
    "GET /assistant/details/{assistant_id}",
    "DELETE /assistant/delete/{assistant_id}",
    "GET /call/{call_id}",
    "DELETE /call/{call_id}",
    "POST /call/{call_id}/cancel",
    "PATCH /sip/update/{trunk_id}",
    "DELETE /sip/delete/{trunk_id}",
    "GET /endpoints/{endpoint_id}",
    "PATCH /endpoints/{endpoint_id}",
    "DELETE /endpoints/{endpoint_id}",
    "GET /endpoints/{endpoint_id}/secret",
    "POST /endpoints/{endpoint_id}/rotate-secret",
    "POST /endpoints/{endpoint_id}/disable",
    "POST /endpoints/{endpoint_id}/enable",
    "POST /endpoints/{endpoint_id}/test",
    "POST /endpoints/{endpoint_id}/recover",
    "GET /endpoints/{endpoint_id}/deliveries",
    "GET /deliveries/{delivery_id}",
    "POST /deliveries/{delivery_id}/redeliver",
    "GET /subscriptions/{subscription_name}",
    "POST /subscriptions/{subscription_name}/rotate-password",
    "DELETE /subscriptions/{subscription_name}",
}
TAKES_THINGS = {"POST /call/outbound"}
STREAMS = {"GET /events", "GET /call/{call_id}/events"}
"""They are read as they come; that they show nothing of another's is proved with streams."""

needing_a_key = pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.needs_key], ids=str)


def of(names: set[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", [one for one in OPERATIONS if str(one) in names], ids=str)


def test_every_endpoint_is_judged_here() -> None:
    judged = PUBLIC | LISTS | OWN | set(MAKE) | NAMES_A_THING | TAKES_THINGS | STREAMS
    assert {str(one) for one in OPERATIONS} == judged
    assert {str(one) for one in OPERATIONS if not one.needs_key} == PUBLIC


def test_endpoint_outside_the_openapi_document_is_known_here() -> None:
    hidden = paths(make_app().routes) - {one.path for one in OPERATIONS}
    assert hidden == {"/livekit/webhook", "/metrics", "/openapi.json", "/docs", "/docs/assets", "/docs/oauth2-redirect"}


def paths(routes: Iterable[Any]) -> set[str]:
    """Name what a router serves; FastAPI keeps a router that was included as it was."""
    included = [route.original_router.routes for route in routes if hasattr(route, "original_router")]
    return {route.path for route in routes if hasattr(route, "path")}.union(*map(paths, included))


async def send(client: Client, operation: Operation, ids: dict[str, str], **options: Any) -> httpx.Response:
    """Send a request in which nothing is wrong but the key, or whose things are named."""
    body = MAKE.get(str(operation), CHANGE.get(str(operation)))
    if str(operation) in TAKES_THINGS:
        body = {"to_number": "+15550000200", "call_service": "twilio", "metadata": {"name": "Eve"}, **ids}
    return await client.send(operation.method, operation.at(**ids), body, **options)


@needing_a_key
async def test_missing_unknown_and_revoked_keys_are_refused_alike(
    front: Front, owner: Client, database: Database, operation: Operation
) -> None:
    key = owner.http.headers.pop("x-api-key")
    revoked = {"fingerprint": fingerprint(key)}, {"$set": {"revoked_at": now()}}
    assert (await database.get_collection("api_keys").update_one(*revoked)).modified_count
    keys = ["", key, key[:-1], f"{key}x", f"lvk_{secrets.token_urlsafe(32)}", "lvk_", "'; --", "é"]
    headers: list[dict[str, bytes]] = [{}, {"authorization": b"Basic eDp4"}]
    headers += [{"x-api-key": wrong.encode()} for wrong in keys]
    headers += [{"authorization": b"Bearer " + wrong.encode()} for wrong in keys]
    ids = dict.fromkeys(operation.parameters["path"], "asst_0")
    answers = [await send(owner, operation, ids, headers=each) for each in headers]
    assert {(answer.status_code, answer.headers.get("www-authenticate"), answer.content) for answer in answers} == {
        (401, "Bearer", b'{"success":false,"message":"Invalid or missing API key","data":{}}')
    }


@of(NAMES_A_THING)
async def test_anothers_thing_is_not_found_like_one_that_never_was(
    front: Front, owner: Client, operation: Operation
) -> None:
    call = await owner.call()
    await owner.post(f"/call/{call['call_id']}/cancel")  # only what is over can be deleted
    trunk_id = data_of(await owner.get("/sip/list"))[0]["trunk_id"]
    theirs = {"assistant_id": call["assistant_id"], "call_id": call["call_id"], "trunk_id": trunk_id}
    theirs |= {"endpoint_id": (endpoint_id := await owner.endpoint()), "delivery_id": await owner.delivery(endpoint_id)}
    await owner.subscription()
    theirs |= SUBSCRIPTION | {"key_id": data_of(await owner.post("/auth/keys"))["key_id"]}
    stranger = await front.owner()
    answer = await send(stranger, operation, theirs)
    unknown = await send(stranger, operation, {name: value[:-1] + "x" for name, value in theirs.items()})
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert answer.content == unknown.content
    own = await send(owner, operation, theirs)
    assert own.is_success, "the owner's request shows that nothing else was wrong"
    assert "Taken over" not in own.text


async def test_anothers_call_has_no_stream(front: Front, owner: Client) -> None:
    call_id = (await owner.call())["call_id"]
    stranger = await front.owner()
    answer = await stranger.get(f"/call/{call_id}/events")
    unknown = await stranger.get(f"/call/{call_id[:-1]}x/events")
    assert refused(answer) == (404, "Call not found")
    assert answer.content == unknown.content


@pytest.mark.parametrize("foreign", ["assistant_id", "trunk_id"])
async def test_anothers_assistant_or_trunk_cannot_be_called_with(front: Front, owner: Client, foreign: str) -> None:
    theirs, stranger = await owner.order(), await front.owner()
    own = await stranger.order()
    answer = await stranger.post("/call/outbound", own | {foreign: theirs[foreign]})
    unknown = await stranger.post("/call/outbound", own | {foreign: theirs[foreign][:-1] + "x"})
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert answer.content == unknown.content
    assert data_of(await stranger.get("/call/list"))["calls"] == []


@of(LISTS)
async def test_list_shows_nothing_of_anothers(front: Front, owner: Client, operation: Operation) -> None:
    await owner.call()
    await owner.endpoint()
    await owner.subscription()
    stranger = await front.owner()
    nothing = data_of(await stranger.get(operation.path))
    assert nothing in ([], {"calls": [], "next_cursor": None})
    assert data_of(await owner.get(operation.path)) != nothing


async def test_filters_and_cursors_do_not_lead_to_anothers_calls(front: Front, owner: Client) -> None:
    call = await owner.call()
    await owner.call()
    cursor = data_of(await owner.get("/call/list?limit=1"))["next_cursor"]
    stranger = await front.owner()
    for query in ({"cursor": cursor}, {"assistant_id": call["assistant_id"]}, {"to_number": call["to_number"]}):
        assert data_of(await stranger.get("/call/list", params=query))["calls"] == []


@of(OWN)
async def test_own_data_differs_between_owners(front: Front, owner: Client, operation: Operation) -> None:
    stranger = await front.owner()
    first, second = [data_of(await client.send(operation.method, operation.path)) for client in (owner, stranger)]
    assert json.dumps(first) != json.dumps(second)


async def test_idempotency_key_of_another_owner_means_nothing(front: Front, owner: Client) -> None:
    stranger = await front.owner()
    first, second = [
        data_of(await client.post("/call/outbound", await client.order(), headers={"Idempotency-Key": "1"}), 202)
        for client in (owner, stranger)
    ]
    assert first["call_id"] != second["call_id"]
