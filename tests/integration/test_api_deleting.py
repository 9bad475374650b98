"""Deleting a call's data over HTTP: asked for by its owner, when the call is over, and shown as it is."""

from typing import Any

from parley_common.clock import now
from parley_common.db import Database
from parley_common.ids import CallId
from parley_common.lifecycle import CallStatus, EndReason
from tests.support.envelope import data_of, refused
from tests.support.front import Client, Front
from tests.support.studio import Studio


async def over(front: Front, owner: Client) -> str:
    """Have a call be canceled, and all its events published."""
    call_id: str = (await owner.call())["call_id"]
    await front.services.relay.drain()
    await front.services.calls.advance(
        CallId(call_id), CallStatus.CANCELED, end_reason=EndReason.CANCELED, ended_at=now()
    )
    return call_id


async def delete(client: Client, call_id: str) -> dict[str, Any]:
    asked: dict[str, Any] = data_of(await client.send("DELETE", f"/call/{call_id}"), 202)
    return asked


async def test_deletion_is_accepted_and_names_the_key_that_asked(
    front: Front, owner: Client, database: Database
) -> None:
    call_id = await over(front, owner)
    asked = await delete(owner, call_id)
    key = await database.get_collection("api_keys").find_one({})
    assert key is not None
    assert asked["call_id"] == call_id
    assert {"status": "pending", "requested_by_key": key["_id"], "completed_at": None}.items() <= asked[
        "deletion"
    ].items()


async def test_asking_again_changes_nothing(front: Front, owner: Client) -> None:
    call_id = await over(front, owner)
    assert await delete(owner, call_id) == await delete(owner, call_id)


async def test_call_that_is_not_over_keeps_its_data(owner: Client) -> None:
    call_id = (await owner.call())["call_id"]
    answer = await owner.send("DELETE", f"/call/{call_id}")
    assert refused(answer) == (409, "Call is not over yet; cancel it first")
    assert data_of(await owner.get(f"/call/{call_id}"))["deletion"] is None


async def test_call_of_another_owner_is_unknown(front: Front, owner: Client) -> None:
    call_id = await over(front, owner)
    stranger = await front.owner()
    assert refused(await stranger.send("DELETE", f"/call/{call_id}")) == (404, "Call not found")
    assert data_of(await owner.get(f"/call/{call_id}"))["deletion"] is None


async def test_deleted_call_is_shown_as_a_stub_with_its_proof(front: Front, owner: Client, database: Database) -> None:
    call_id = await over(front, owner)
    await delete(owner, call_id)
    await Studio(database).eraser.sweep()
    shown = data_of(await owner.get(f"/call/{call_id}"))
    assert (shown["to_number"], shown["metadata"], shown["transcripts"], shown["usage"]) == (None, None, [], [])
    assert (shown["call_status"], shown["call_end_reason"]) == ("canceled", "canceled")
    assert shown["deletion"]["status"] == "completed"
    assert shown["deletion"]["recording_gone_at"] is not None
    (listed,) = data_of(await owner.get("/call/list"))["calls"]
    assert (listed["call_id"], listed["to_number"]) == (call_id, None)


async def test_request_that_is_repeated_after_the_deletion_has_its_answer_and_rings_nobody_again(
    front: Front, owner: Client, database: Database
) -> None:
    order, headers = await owner.order(), {"Idempotency-Key": "order-7"}
    accepted = data_of(await owner.post("/call/outbound", order, headers=headers), 202)
    call_id = accepted["call_id"]
    await front.services.relay.drain()
    await front.services.calls.advance(
        CallId(call_id), CallStatus.CANCELED, end_reason=EndReason.CANCELED, ended_at=now()
    )
    await delete(owner, call_id)
    await Studio(database).eraser.sweep()
    assert data_of(await owner.post("/call/outbound", order, headers=headers), 202) == accepted
    kept = [str(document) async for document in database.get_collection("idempotency").find({})]
    assert len(kept) == 1
    assert order["to_number"] not in kept[0]
    assert order["metadata"]["name"] not in kept[0]
