"""Opening an account, and what its key opens."""

import asyncio
import re
from datetime import timedelta

import pytest

from parley_api.settings import ApiSettings
from parley_common.clock import now
from parley_common.crypto import fingerprint
from parley_common.db import Database
from tests.support.front import Client, Front, serving

ADA = {"user_name": "Ada", "user_email": "ada@example.com", "org_name": "Engines"}


async def create_key(front: Front) -> str:
    response = await (await front.stranger()).post("/auth/create-key", ADA)
    return str(response.json()["data"]["api_key"])


async def set_on_key(database: Database, key: str, **facts: object) -> None:
    await database.get_collection("api_keys").update_one({"fingerprint": fingerprint(key)}, {"$set": facts})


async def test_new_key_is_shown_with_its_owner(front: Front) -> None:
    response = await (await front.stranger()).post("/auth/create-key", ADA)
    assert response.status_code == 200
    data = response.json()["data"]
    assert re.fullmatch(r"lvk_[A-Za-z0-9_-]{43}", data.pop("api_key"))
    assert data == ADA


async def test_stored_key_is_a_hash_and_a_short_prefix(front: Front, database: Database) -> None:
    key = await create_key(front)
    stored = await database.get_collection("api_keys").find_one({})
    assert stored is not None
    assert stored["fingerprint"] == fingerprint(key)
    assert key not in str(stored)
    assert key.startswith(stored["prefix"])
    assert len(stored["prefix"]) == 12


@pytest.mark.parametrize("again", ["ada@example.com", "Ada@Example.com"])
async def test_second_key_for_an_address_is_refused(front: Front, database: Database, again: str) -> None:
    await create_key(front)
    response = await (await front.stranger()).post("/auth/create-key", ADA | {"user_email": again})
    assert response.status_code == 400
    assert response.json() == {"success": False, "message": "User with this email already exists", "data": {}}
    assert await database.get_collection("api_keys").count_documents({}) == 1


async def test_two_who_ask_for_one_address_at_once_get_one_key(front: Front) -> None:
    stranger = await front.stranger()
    answers = await asyncio.gather(*(stranger.post("/auth/create-key", ADA) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_name", ""),
        ("user_name", "x" * 101),
        ("user_email", "canary-no-address"),
        ("user_email", "canary@b@c"),
        ("user_email", None),
        ("org_name", "x" * 101),
    ],
)
async def test_wrong_field_is_named_without_its_value(front: Front, field: str, value: str | None) -> None:
    response = await (await front.stranger()).post("/auth/create-key", ADA | {field: value})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["data"]["errors"]] == [field]
    assert "canary" not in response.text


async def test_organisation_may_be_left_out(front: Front) -> None:
    body = {name: value for name, value in ADA.items() if name != "org_name"}
    response = await (await front.stranger()).post("/auth/create-key", body)
    assert response.json()["data"]["org_name"] is None


@pytest.mark.parametrize("header", ["x-api-key", "X-API-Key", "authorization"])
async def test_key_opens_in_either_header(front: Front, header: str) -> None:
    key = await create_key(front)
    value = f"Bearer {key}" if header == "authorization" else key
    response = await (await front.stranger()).get("/auth/check-key", headers={header: value})
    assert response.status_code == 200
    data = response.json()["data"]
    assert data.pop("created_at")
    assert data == ADA


async def test_missing_unknown_revoked_and_expired_keys_get_the_same_answer(front: Front, database: Database) -> None:
    stranger = await front.stranger()
    headers = {"x-api-key": await create_key(front)}
    answers = [await stranger.get("/auth/check-key")]
    answers += [await stranger.get("/auth/check-key", headers={"x-api-key": "lvk_" + "x" * 43})]
    for fact in ({"revoked_at": now()}, {"revoked_at": None, "expires_at": now() - timedelta(seconds=1)}):
        await set_on_key(database, headers["x-api-key"], **fact)
        answers += [await stranger.get("/auth/check-key", headers=headers)]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert {answer.text for answer in answers} == {
        '{"success":false,"message":"Invalid or missing API key","data":{}}',
    }


async def test_key_that_expires_later_still_opens(front: Front, database: Database) -> None:
    key = await create_key(front)
    await set_on_key(database, key, expires_at=now() + timedelta(hours=1))
    assert (await (await front.stranger()).get("/auth/check-key", headers={"x-api-key": key})).status_code == 200


async def test_last_use_is_written_once_a_minute(front: Front, database: Database) -> None:
    key = await create_key(front)
    stranger, keys = await front.stranger(), database.get_collection("api_keys")

    async def use() -> object:
        await stranger.get("/auth/check-key", headers={"x-api-key": key})
        stored = await keys.find_one({})
        assert stored is not None
        return stored["last_used_at"]

    first = await use()
    assert first is not None
    assert await use() == first
    long_ago = now() - timedelta(minutes=2)
    await set_on_key(database, key, last_used_at=long_ago)
    assert await use() != long_ago


async def test_signup_token_closes_the_door(front: Front) -> None:
    async with serving(ApiSettings(signup_token="open-sesame")) as closed:
        stranger = await closed.stranger()
        refused = [await stranger.post("/auth/create-key", ADA, headers=h) for h in ({}, {"x-signup-token": "guess"})]
        let_in = await stranger.post("/auth/create-key", ADA, headers={"x-signup-token": "open-sesame"})
    assert [answer.status_code for answer in refused] == [403, 403]
    assert not any(answer.json()["success"] for answer in refused)
    assert let_in.status_code == 200


async def test_one_address_may_not_sign_up_without_end(front: Front) -> None:
    async with serving(ApiSettings(signups_per_minute=2)) as strict:
        stranger = await strict.stranger()
        answers = [
            await stranger.post("/auth/create-key", ADA | {"user_email": f"ada{n}@example.com"}) for n in range(3)
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json() == {"success": False, "message": "Too many requests", "data": {}}


async def test_webhook_secret_stays_the_same_for_its_owner(owner: Client) -> None:
    first, second = [(await owner.get("/auth/webhook-secret")).json()["data"]["secret"] for _ in range(2)]
    assert first == second
    assert first.startswith("whsec_")
