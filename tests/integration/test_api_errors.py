"""Every status has the envelope and a request id, and tells nothing that it should not."""

import pytest
import structlog

from parley_api.settings import ApiSettings
from parley_common.db import Database
from parley_common.errors import SecretUnreadable
from tests.support.envelope import data_of, reasons, refused
from tests.support.front import ASSISTANT, TRUNK, Client, Front, serving


async def test_unknown_route_is_404_in_the_envelope(owner: Client) -> None:
    assert refused(await owner.get("/nowhere")) == (404, "Not Found")


async def test_wrong_method_is_405_and_names_the_right_one(owner: Client) -> None:
    response = await owner.send("PUT", "/assistant/create")
    assert refused(response) == (405, "Method Not Allowed")
    assert response.headers["allow"] == "POST"


async def test_nothing_to_update_is_400(owner: Client) -> None:
    response = await owner.send("PATCH", f"/assistant/update/{await owner.assistant()}", {})
    assert refused(response) == (400, "No fields provided for update")


async def test_password_is_not_echoed_by_a_422(owner: Client) -> None:
    for password in ("canary" * 20, {"canary": "canary"}, ["canary"]):
        response = await owner.post("/sip/create-outbound-trunk", TRUNK | {"trunk_auth_password": password})
        assert set(reasons(response)) == {"trunk_auth_password"}
        assert "canary" not in response.text


async def test_values_are_not_echoed_from_body_query_or_header(owner: Client) -> None:
    order = await owner.order()
    answers = [
        await owner.post("/assistant/create", ASSISTANT | {"assistant_end_call_url": "https://canary@10.0.0.1/"}),
        await owner.post("/call/outbound", order | {"to_number": "canary", "metadata": "canary"}),
        await owner.post("/call/outbound", order, headers={"Idempotency-Key": "canary" * 50}),
        await owner.get("/call/list", params={"cursor": "canary", "limit": "canary", "call_status": "canary"}),
    ]
    for answer in answers:
        assert reasons(answer)
        assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_3", True), ("x" * 65, False), ("a b", False), ("a\u00e9", False), ("", False)]
)
async def test_request_id_of_the_client_is_kept_when_it_is_sane(owner: Client, given: str, *, kept: bool) -> None:
    answered = (await owner.get("/health", headers={"x-request-id": given.encode()})).headers["x-request-id"]
    assert (answered == given) == kept
    assert len(answered) >= 9


async def test_request_ids_differ_and_are_on_the_log_line(owner: Client) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        ids = [(await owner.get("/auth/check-key")).headers["x-request-id"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert [line["request_id"] for line in lines if line["event"] == "request"] == ids


async def test_failure_of_ours_is_a_500_with_an_id_and_no_word_of_what_it_was(
    front: Front, owner: Client, database: Database
) -> None:
    await owner.get("/auth/webhook-secret")
    await database.get_collection("signing_secrets").update_many({}, {"$set": {"sealed": "canary"}})
    with structlog.testing.capture_logs() as lines:
        response = await owner.get("/auth/webhook-secret")
    assert refused(response) == (500, "Internal server error")
    assert response.json()["data"] == {"request_id": response.headers["x-request-id"]}
    assert [line["error"] for line in lines if line["log_level"] == "error"] == [SecretUnreadable.__name__]


async def test_exception_that_nobody_foresaw_is_a_500_with_an_id(owner: Client, database: Database) -> None:
    assistant_id = await owner.assistant()
    await database.get_collection("assistants").update_one({"_id": assistant_id}, {"$unset": {"assistant_name": ""}})
    with structlog.testing.capture_logs():
        response = await owner.get(f"/assistant/details/{assistant_id}")
    assert refused(response) == (500, "Internal server error")
    assert response.json()["data"] == {"request_id": response.headers["x-request-id"]}
    assert "assistant_name" not in response.text


async def test_body_limit_is_a_setting(front: Front) -> None:
    async with serving(ApiSettings(max_body_bytes=1024)) as small:
        client = await small.owner()
        assert refused(await client.post("/assistant/create", ASSISTANT | {"assistant_prompt": "x" * 1024}))[0] == 413
        assert data_of(await client.get("/assistant/list")) == []


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_liveness_and_readiness_need_no_key(front: Front, path: str) -> None:
    response = await (await front.stranger()).get(path)
    assert response.json().keys() == {"success", "message", "data"}
    assert response.status_code != 401
