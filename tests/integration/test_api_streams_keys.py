"""Live streams end with the key that opened them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from parley_api.streams import following
from parley_common.clock import iso, now
from tests.support.envelope import data_of
from tests.support.streams import Customer, chunk, reading


async def further(customer: Customer, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = data_of(await customer.client.post("/auth/keys", fields))
    return made


async def revoke(customer: Customer, key: dict[str, Any]) -> None:
    data_of(await customer.client.send("DELETE", f"/auth/keys/{key['key_id']}"))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have readers look at their keys soon."""
    monkeypatch.setattr(following, "LOOK_EVERY", timedelta(milliseconds=50))
    monkeypatch.setattr(following, "RECHECK_EVERY", timedelta(0))


async def test_streams_of_a_key_end_when_it_is_revoked(ada: Customer, often: None) -> None:
    made, call = await further(ada), await ada.call()
    async with (
        reading(f"{ada.url}/events", made["api_key"]) as all_calls,
        reading(f"{ada.url}/call/{call.call_id}/events", made["api_key"]) as one_call,
    ):
        await all_calls.bookmark()
        await revoke(ada, made)
        assert await all_calls.rest() == []
        assert await one_call.rest() == []


async def test_streams_of_other_keys_go_on(ada: Customer, often: None) -> None:
    made, call = await further(ada), await ada.call()
    async with ada.all() as reader, reading(f"{ada.url}/events", made["api_key"]) as ending:
        await reader.bookmark()
        await revoke(ada, made)
        await ending.rest()
        await ada.tell(chunk(call, 1))
        assert (await reader.next())["data"]["seq"] == 1


async def test_stream_ends_when_its_key_expires(ada: Customer, often: None) -> None:
    made = await further(ada, expires_at=iso(now() + timedelta(seconds=1)))
    async with reading(f"{ada.url}/events", made["api_key"]) as reader:
        await reader.bookmark()
        assert await reader.rest() == []
    assert now() >= datetime.fromisoformat(made["expires_at"])


async def test_slow_reader_is_not_given_the_rest_of_what_was_read_for_it(ada: Customer, often: None) -> None:
    made, call = await further(ada), await ada.call()
    await ada.tell(*(chunk(call, number, text="word " * 20_000) for number in range(80)))
    async with reading(f"{ada.url}/call/{call.call_id}/events", made["api_key"]) as reader:
        await reader.next()
        await revoke(ada, made)
        assert len(await reader.rest()) < 79


def test_reader_looks_at_its_key_within_twenty_seconds() -> None:
    longest = following.RECHECK_EVERY + following.LOOK_EVERY
    assert longest <= timedelta(seconds=20)
