"""An account's keys: further ones, their end, and what is left of them."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from parley_api.keys import endpoints
from parley_common.clock import iso, now
from parley_common.crypto import fingerprint
from parley_common.db import Database
from parley_common.db.accounts import ApiKeys
from tests.support.customer import until
from tests.support.envelope import data_of, reasons, refused
from tests.support.front import Client, Front

UNAUTHORIZED = (401, "Invalid or missing API key")
LAST = (409, "This is your last valid key; create a further one or rotate this one first")
ROTATED = (409, "The key was rotated already; rotate the one that replaced it")


def of_owner(client: Client) -> str:
    return str(client.http.headers["x-api-key"])


async def with_key(front: Front, key: str) -> Client:
    client = await front.stranger()
    client.http.headers["x-api-key"] = key
    return client


async def further(client: Client, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = data_of(await client.post("/auth/keys", fields))
    return made


async def listed(client: Client) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = data_of(await client.get("/auth/keys"))
    return keys


async def rotate(client: Client, key_id: str, **fields: Any) -> httpx.Response:
    return await client.post(f"/auth/keys/{key_id}/rotate", fields)


async def revoke(client: Client, key_id: str) -> httpx.Response:
    return await client.send("DELETE", f"/auth/keys/{key_id}")


async def first_of(client: Client) -> str:
    return str((await listed(client))[-1]["key_id"])


async def opens(front: Front, key: str) -> bool:
    answer = await (await front.stranger()).get("/auth/check-key", headers={"x-api-key": key})
    if answer.is_success:
        return True
    assert refused(answer) == UNAUTHORIZED
    return False


async def is_shut(front: Front, key: str) -> bool:
    return not await opens(front, key)


def lasts(key: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])


async def test_further_key_opens_what_the_first_has_made(front: Front, owner: Client) -> None:
    call = await owner.call()
    second = await with_key(front, (await further(owner))["api_key"])
    assert data_of(await second.get(f"/call/{call['call_id']}")) == data_of(await owner.get(f"/call/{call['call_id']}"))
    assert data_of(await second.get("/auth/check-key")) == data_of(await owner.get("/auth/check-key"))


async def test_list_shows_own_keys_newest_first_and_never_a_key(front: Front, owner: Client) -> None:
    await further(await front.owner())
    made = await further(owner, name="CRM")
    answer = await owner.get("/auth/keys")
    newest, first = data_of(answer)
    assert made["api_key"].startswith(newest["prefix"])
    assert newest == {name: made[name] for name in newest}
    assert (newest["name"], newest["status"], newest["last_used_at"]) == ("CRM", "active", None)
    assert of_owner(owner).startswith(first["prefix"])
    assert first["last_used_at"] is not None
    for secret in (made["api_key"], of_owner(owner)):
        assert secret not in answer.text
        assert fingerprint(secret) not in answer.text


async def test_list_has_pages(owner: Client) -> None:
    made = await further(owner)
    assert [key["key_id"] for key in data_of(await owner.get("/auth/keys?limit=1"))] == [made["key_id"]]
    assert len(data_of(await owner.get("/auth/keys?limit=1&offset=1"))) == 1
    assert data_of(await owner.get("/auth/keys?limit=1&offset=2")) == []


async def test_key_may_be_made_for_some_days_or_until_a_moment(owner: Client) -> None:
    until = now() + timedelta(minutes=5)
    assert lasts(await further(owner, expires_in_days=90)) == timedelta(days=90)
    assert datetime.fromisoformat((await further(owner, expires_at=iso(until)))["expires_at"]) == until
    assert (await further(owner))["expires_at"] is None


async def test_key_opens_nothing_after_its_end(front: Front, owner: Client) -> None:
    made = await further(owner, expires_at=iso(now() + timedelta(milliseconds=300)))
    await until(lambda: is_shut(front, made["api_key"]))
    assert now() >= datetime.fromisoformat(made["expires_at"])
    assert (await listed(owner))[0]["status"] == "expired"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 3651}, "expires_in_days"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00Z", "expires_in_days": 1}, "expires_in_days"),
        ({"expires_on": "2099-01-01"}, "expires_on"),
    ],
)
async def test_wrong_field_of_a_further_key_is_named(owner: Client, fields: dict[str, Any], field: str) -> None:
    assert set(reasons(await owner.post("/auth/keys", fields))) == {field}
    assert len(await listed(owner)) == 1


async def test_rotated_key_is_valid_beside_the_new_one_for_a_day(front: Front, owner: Client) -> None:
    old_id = await first_of(owner)
    made = data_of(await owner.post(f"/auth/keys/{old_id}/rotate"))
    assert await opens(front, made["api_key"])
    assert await opens(front, of_owner(owner))
    new, old = await listed(owner)
    assert (new["status"], new["key_id"]) == ("active", made["key_id"])
    assert (old["status"], old["replaced_by"]) == ("retiring", made["key_id"])
    assert datetime.fromisoformat(old["expires_at"]) - datetime.fromisoformat(new["created_at"]) == timedelta(days=1)


async def test_key_rotated_without_grace_opens_nothing_at_once(front: Front, owner: Client) -> None:
    made = data_of(await rotate(owner, await first_of(owner), grace_hours=0))
    assert not await opens(front, of_owner(owner))
    assert [key["status"] for key in await listed(await with_key(front, made["api_key"]))] == ["active", "revoked"]


async def test_rotated_key_opens_nothing_after_its_grace(front: Front, owner: Client) -> None:
    await rotate(owner, await first_of(owner), grace_hours=3 / 3600)
    assert await opens(front, of_owner(owner))
    await until(lambda: is_shut(front, of_owner(owner)))


async def test_new_key_has_the_name_and_the_lifetime_of_the_one_it_replaces(owner: Client) -> None:
    old = await further(owner, name="CRM", expires_in_days=30)
    new = data_of(await rotate(owner, old["key_id"]))
    assert (new["name"], lasts(new)) == ("CRM", timedelta(days=30))
    assert new["expires_at"] > old["expires_at"]


async def test_grace_does_not_prolong_a_key(owner: Client) -> None:
    old = await further(owner, expires_at=iso(now() + timedelta(hours=1)))
    await rotate(owner, old["key_id"], grace_hours=2)
    assert (await listed(owner))[1]["expires_at"] == old["expires_at"]


@pytest.mark.parametrize("grace", [-1, 169, "long"])
async def test_wrong_grace_is_named_and_rotates_nothing(owner: Client, grace: float | str) -> None:
    answer = await rotate(owner, await first_of(owner), grace_hours=grace)
    assert set(reasons(answer)) == {"grace_hours"}
    assert len(await listed(owner)) == 1


async def test_key_is_rotated_once_however_many_ask_at_once(owner: Client) -> None:
    key_id = await first_of(owner)
    answers = await asyncio.gather(*(rotate(owner, key_id) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert {refused(answer) for answer in answers if answer.is_error} == {ROTATED}
    assert len(await listed(owner)) == 2
    assert refused(await rotate(owner, key_id)) == ROTATED


async def test_key_that_has_ended_is_not_rotated(owner: Client) -> None:
    made = await further(owner)
    await revoke(owner, made["key_id"])
    assert refused(await rotate(owner, made["key_id"])) == (409, "The key is expired or revoked; create a new one")


async def test_revoked_key_opens_nothing_from_the_next_request_on(front: Front, owner: Client) -> None:
    made = await further(owner)
    assert await opens(front, made["api_key"])
    assert data_of(await revoke(owner, made["key_id"])) == {"key_id": made["key_id"]}
    assert not await opens(front, made["api_key"])
    assert await opens(front, of_owner(owner))
    assert (await listed(owner))[0]["status"] == "revoked"


async def test_key_may_revoke_itself_when_there_is_another(front: Front, owner: Client) -> None:
    other = await further(owner)
    assert (await revoke(owner, await first_of(owner))).is_success
    assert not await opens(front, of_owner(owner))
    assert await opens(front, other["api_key"])


async def test_revoking_again_changes_nothing(owner: Client) -> None:
    made = await further(owner)
    await revoke(owner, made["key_id"])
    before = await listed(owner)
    assert (await revoke(owner, made["key_id"])).is_success
    assert (await listed(owner))[0] == before[0]


async def test_last_key_is_not_revoked(front: Front, owner: Client) -> None:
    gone = await further(owner)
    await revoke(owner, gone["key_id"])
    assert refused(await revoke(owner, await first_of(owner))) == LAST
    assert await opens(front, of_owner(owner))


async def test_key_whose_days_are_counted_is_not_all_that_is_left(front: Front, owner: Client) -> None:
    made = data_of(await rotate(owner, old_id := await first_of(owner)))
    assert refused(await revoke(owner, made["key_id"])) == LAST
    assert await opens(front, made["api_key"])
    assert (await revoke(owner, old_id)).is_success


async def test_two_keys_that_revoke_each_other_at_once_do_not_lock_their_owner_out(front: Front) -> None:
    for _ in range(10):
        one = await front.owner()
        made = await further(one)
        other = await with_key(front, made["api_key"])
        await asyncio.gather(revoke(one, made["key_id"]), revoke(other, await first_of(one)))
        assert await opens(front, of_owner(one)) or await opens(front, made["api_key"])


async def test_key_from_before_there_were_names_can_be_listed_rotated_and_revoked(
    front: Front, owner: Client, database: Database
) -> None:
    await database.get_collection("api_keys").update_one(
        {"fingerprint": fingerprint(of_owner(owner))}, {"$unset": {"name": "", "replaced_by": ""}}
    )
    (old,) = await listed(owner)
    assert (old["name"], old["status"]) == (None, "active")
    assert refused(await revoke(owner, old["key_id"])) == LAST
    new = data_of(await rotate(owner, old["key_id"]))
    assert (await revoke(await with_key(front, new["api_key"]), old["key_id"])).is_success
    assert not await opens(front, of_owner(owner))


async def test_requests_that_come_at_once_write_the_last_use_once(owner: Client, database: Database) -> None:
    keys, moment = ApiKeys(database), now()
    key = await keys.find_valid(fingerprint((await further(owner))["api_key"]), moment)
    assert key is not None
    await keys.mark_used(key, moment)
    await keys.mark_used(key, moment + timedelta(seconds=1))
    assert datetime.fromisoformat((await listed(owner))[0]["last_used_at"]) == moment


async def test_account_may_not_make_keys_without_end_but_revoke_them(owner: Client) -> None:
    made = [await further(owner) for _ in range(endpoints.FRESH_KEYS.amount)]
    for answer in (await owner.post("/auth/keys"), await rotate(owner, made[0]["key_id"])):
        assert refused(answer) == (429, "Too many requests")
        assert int(answer.headers["retry-after"]) >= 1
    assert (await revoke(owner, made[0]["key_id"])).is_success
