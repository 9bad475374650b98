"""Outbound calls: what is accepted, what is refused, and what is kept of the assistant."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from parley_api.settings import ApiSettings
from parley_common.clock import now
from parley_common.db import Database
from parley_common.lifecycle import CallStatus
from tests.support.envelope import data_of, reasons, refused
from tests.support.front import Client, Front, serving


async def order(client: Client, body: dict[str, Any], key: str | None = None) -> Any:
    return await client.post("/call/outbound", body, headers={"Idempotency-Key": key} if key else {})


async def spoken(front: Front, client: Client, prompt: str, metadata: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the prompt that a call gets, and what stays unresolved."""
    assistant_id = await client.assistant(assistant_prompt=prompt, assistant_start_instruction=None)
    body = await client.order(metadata=metadata) | {"assistant_id": assistant_id}
    accepted = data_of(await order(client, body), 202)
    call = await front.services.calls.get(accepted["call_id"])
    return call.assistant.prompt, accepted["unresolved_placeholders"]


async def test_accepted_call_is_queued_under_its_id(owner: Client) -> None:
    body = await owner.order()
    accepted = data_of(await order(owner, body), 202)
    suffix = accepted["room_name"].removeprefix(f"{body['assistant_id']}_")
    assert suffix
    assert accepted == {
        "call_id": accepted["call_id"],
        "queue_id": accepted["call_id"],
        "room_name": f"{body['assistant_id']}_{suffix}",
        "status": "queued",
        "assistant_id": body["assistant_id"],
        "to_number": body["to_number"],
        "unresolved_placeholders": [],
    }
    assert data_of(await order(owner, body), 202)["room_name"] != accepted["room_name"]


async def test_call_can_be_looked_up_with_what_was_asked(owner: Client) -> None:
    body = await owner.order(metadata={"name": "John", "order": {"id": 7}})
    call_id = data_of(await order(owner, body), 202)["call_id"]
    shown = data_of(await owner.get(f"/call/{call_id}"))
    assert (shown["metadata"], shown["to_number"]) == (body["metadata"], body["to_number"])
    assert (shown["call_end_reason"], shown["transcripts"], shown["attempts"]) == (None, [], [])
    assert shown["recording"]["status"] == "none"


@pytest.mark.parametrize(
    ("field", "message"), [("assistant_id", "Assistant not found"), ("trunk_id", "Trunk not found")]
)
async def test_unknown_assistant_or_trunk_is_404(owner: Client, field: str, message: str) -> None:
    assert refused(await order(owner, await owner.order() | {field: "unknown"})) == (404, message)


async def test_call_service_must_be_the_trunks_type(owner: Client) -> None:
    exotel = await owner.trunk(trunk_type="exotel")
    body = await owner.order()
    assert reasons(await order(owner, body | {"trunk_id": exotel})) == {"call_service": "must be the type of the trunk"}
    assert data_of(await order(owner, body | {"trunk_id": exotel, "call_service": "exotel"}), 202)


@pytest.mark.parametrize(
    ("prompt", "metadata", "expected"),
    [
        ("Hi {{name}} {{ name }}", {"name": "AT&T <b>"}, ("Hi AT&T <b> AT&T <b>", [])),
        ("{{ order.item.name }}", {"order": {"item": {"name": "Lamp"}}}, ("Lamp", [])),
        ("{{ order.id }}", {"order.id": "whole key"}, ("whole key", [])),
        ("Hi {{ name | there }}", {}, ("Hi there", [])),
        ("Hi {{ name | there }}", {"name": "Ada"}, ("Hi Ada", [])),
        ("Hi {{ name }} {{ name }} {{ a.b }}", {"a": 1}, ("Hi {{ name }} {{ name }} {{ a.b }}", ["name", "a.b"])),
        ("{{ a }}", {"a": "{{ b }}", "b": "no"}, ("{{ b }}", [])),
        ("{{ to_number }}", {}, ("+15550000200", [])),
        ("{{ n }} {{ yes }} {{ list }}", {"n": 1.5, "yes": True, "list": ["é"]}, ('1.5 true ["é"]', [])),
        ("{ name } {{}} {{ }}", {"name": "x"}, ("{ name } {{}} {{ }}", [])),
    ],
)
async def test_placeholders_are_filled_as_they_are_and_once(
    front: Front, owner: Client, prompt: str, metadata: dict[str, Any], expected: tuple[str, list[str]]
) -> None:
    assert await spoken(front, owner, prompt, metadata) == expected


async def test_placeholders_in_the_message_for_a_mailbox_are_filled_and_what_is_missing_is_told(
    front: Front, owner: Client
) -> None:
    voicemail = {"behaviour": "leave_message", "message": "Hello {{ name }}, order {{ order }} is here."}
    assistant_id = await owner.assistant(assistant_voicemail=voicemail)
    accepted = data_of(await order(owner, await owner.order(assistant_id=assistant_id)), 202)
    assert accepted["unresolved_placeholders"] == ["order"]
    kept = (await front.services.calls.get(accepted["call_id"])).assistant
    assert kept.voicemail.message == "Hello John, order {{ order }} is here."


async def test_unresolved_placeholder_can_be_made_an_error(front: Front) -> None:
    async with serving(ApiSettings(require_placeholders=True)) as strict:
        owner = await strict.owner()
        refusal = await order(owner, await owner.order(metadata={}))
        assert reasons(refusal) == {"metadata": "must fill the placeholders name"}
        assert data_of(await order(owner, await owner.order()), 202)["unresolved_placeholders"] == []


async def test_change_of_the_assistant_does_not_reach_a_call_that_was_accepted(front: Front, owner: Client) -> None:
    body = await owner.order()
    call_id = data_of(await order(owner, body), 202)["call_id"]
    change = {"assistant_prompt": "Changed.", "assistant_limits": {"ringing_timeout_seconds": 5}}
    data_of(await owner.send("PATCH", f"/assistant/update/{body['assistant_id']}", change))
    kept = (await front.services.calls.get(call_id)).assistant
    assert (kept.prompt, kept.limits.ringing_timeout_seconds) == ("You help John with an order.", 45)


async def test_same_key_and_body_is_the_same_call(owner: Client) -> None:
    body = await owner.order()
    first = await order(owner, body, "order-7")
    again = await order(owner, dict(reversed(body.items())), "order-7")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert data_of(await order(owner, body, "order-8"), 202)["call_id"] != data_of(first, 202)["call_id"]


async def test_same_key_and_other_body_is_409(owner: Client) -> None:
    body = await owner.order()
    data_of(await order(owner, body, "order-7"), 202)
    for other in ({"to_number": "+15550000201"}, {"metadata": {"name": "Jane"}}):
        answer = await order(owner, body | other, "order-7")
        assert refused(answer) == (409, "Idempotency-Key was used for another request")
    assert len(data_of(await owner.get("/call/list"))["calls"]) == 1


async def test_refused_request_does_not_use_its_key_up(owner: Client) -> None:
    body = await owner.order()
    assert (await order(owner, body | {"trunk_id": "unknown"}, "order-7")).status_code == 404
    assert data_of(await order(owner, body, "order-7"), 202)


async def test_same_answer_also_after_the_assistant_was_deleted(owner: Client) -> None:
    body = await owner.order()
    first = data_of(await order(owner, body, "order-7"), 202)
    await owner.send("DELETE", f"/assistant/delete/{body['assistant_id']}")
    assert data_of(await order(owner, body, "order-7"), 202) == first


async def test_same_answer_also_when_the_call_has_gone_on(front: Front, owner: Client) -> None:
    assistant_id = await owner.assistant(assistant_prompt="Hi {{ name }}, {{ order }} is here.")
    body = await owner.order(assistant_id=assistant_id, scheduled_at=(now() + timedelta(days=7)).isoformat())
    first = data_of(await order(owner, body, "order-7"), 202)
    assert (first["status"], first["unresolved_placeholders"]) == ("scheduled", ["order"])
    for status in (CallStatus.STARTING, CallStatus.QUEUED):
        await front.services.calls.advance(first["call_id"], status)
    assert data_of(await order(owner, body, "order-7"), 202) == first


async def test_twenty_at_once_with_one_key_are_one_call(owner: Client, database: Database) -> None:
    body = await owner.order()
    answers = await asyncio.gather(*(order(owner, body, "order-7") for _ in range(20)))
    assert len({data_of(answer, 202)["call_id"] for answer in answers}) == 1
    assert await database.get_collection("calls").count_documents({}) == 1


async def test_key_is_forgotten_after_a_day(database: Database) -> None:
    indexes = await database.get_collection("idempotency").index_information()
    assert [one["expireAfterSeconds"] for one in indexes.values() if "expireAfterSeconds" in one] == [24 * 3600]
