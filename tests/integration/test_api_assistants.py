"""Assistants: made, listed, changed as a whole, deleted softly."""

from typing import Any

import pytest

from parley_api.settings import ApiSettings
from parley_common.db import Database
from tests.support.envelope import data_of, reasons, refused
from tests.support.front import ASSISTANT, Client, Front, serving

VOICE = ASSISTANT["assistant_tts_voice_id"]
SARVAM = {"assistant_tts_model": "sarvam", "assistant_tts_speaker": "shubh"}
INSIDE = {
    "ftp://example.com/": "must be an http or https URL",
    "javascript:alert(1)": "must be an http or https URL",
    "https://": "must be a valid URL with a host",
    "https://user:hidden@example.com/": "must not contain credentials",
    "https://intranet/": "must have a full host name",
    "https://example.com:8443/": "must use port 80 or 443",
} | dict.fromkeys(
    [
        *("http://127.0.0.1/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://2130706433/"),
        *("http://0x7f.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://localhost/", "http://a.internal/"),
    ],
    "must not point to a private or reserved address",
)
NOT_FOUND = (404, "Assistant not found")


async def update(client: Client, assistant_id: str, **fields: Any) -> Any:
    return await client.send("PATCH", f"/assistant/update/{assistant_id}", fields)


async def details(client: Client, assistant_id: str) -> dict[str, Any]:
    found: dict[str, Any] = data_of(await client.get(f"/assistant/details/{assistant_id}"))
    return found


async def test_new_assistant_is_shown_whole_and_without_internal_ids(owner: Client) -> None:
    made = data_of(await owner.post("/assistant/create", ASSISTANT))
    assert made == {"assistant_id": made["assistant_id"], "assistant_name": "Support Agent"}
    shown = await details(owner, made["assistant_id"])
    assert ASSISTANT.items() <= shown.items()
    assert not {"owner_id", "_id", "active"} & set(shown)
    assert shown["assistant_tts_speaker"] is None
    assert shown["assistant_recording"] == {"enabled": True, "link_hours": None}
    assert shown["assistant_voicemail"] == {"behaviour": "hang_up", "message": None}
    assert shown["assistant_tools"] == {"transfer": None}
    assert shown["assistant_retries"]["max_attempts"] == 1


async def test_list_has_the_four_fields_of_the_contract_newest_first(owner: Client) -> None:
    ids = [await owner.assistant(assistant_name=f"Agent {n}") for n in range(3)]
    listed = data_of(await owner.get("/assistant/list"))
    assert [one["assistant_id"] for one in listed] == ids[::-1]
    email = data_of(await owner.get("/auth/check-key"))["user_email"]
    assert listed[0] == {
        "assistant_id": ids[2],
        "assistant_name": "Agent 2",
        "assistant_tts_model": "cartesia",
        "assistant_created_by_email": email,
    }


async def test_list_comes_in_pages(owner: Client) -> None:
    ids = [await owner.assistant() for _ in range(5)]
    pages = [data_of(await owner.get(f"/assistant/list?limit=2&offset={offset}")) for offset in (0, 2, 4, 6)]
    assert [[one["assistant_id"] for one in page] for page in pages] == [ids[:2:-1], ids[2:0:-1], ids[:1], []]


async def test_any_field_can_be_changed_alone(owner: Client) -> None:
    assistant_id = await owner.assistant()
    before = await details(owner, assistant_id)
    assert data_of(await update(owner, assistant_id, assistant_prompt="New.")) == {"assistant_id": assistant_id}
    after = await details(owner, assistant_id)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"assistant_prompt", "assistant_updated_at"}


async def test_nested_group_keeps_what_was_not_given(owner: Client) -> None:
    assistant_id = await owner.assistant(assistant_limits={"ringing_timeout_seconds": 20})
    await update(owner, assistant_id, assistant_limits={"max_duration_seconds": 60})
    limits = (await details(owner, assistant_id))["assistant_limits"]
    assert (limits["ringing_timeout_seconds"], limits["max_duration_seconds"]) == (20, 60)


async def test_optional_field_can_be_taken_away(owner: Client) -> None:
    assistant_id = await owner.assistant()
    await update(owner, assistant_id, assistant_end_call_url=None, assistant_start_instruction=None)
    shown = await details(owner, assistant_id)
    assert (shown["assistant_end_call_url"], shown["assistant_start_instruction"]) == (None, None)


async def test_change_of_voice_model_needs_its_voice_and_drops_the_old_one(owner: Client) -> None:
    assistant_id = await owner.assistant()
    assert set(reasons(await update(owner, assistant_id, assistant_tts_model="sarvam"))) == {"assistant_tts_speaker"}
    data_of(await update(owner, assistant_id, **SARVAM))
    shown = await details(owner, assistant_id)
    assert (shown["assistant_tts_speaker"], shown["assistant_tts_voice_id"]) == ("shubh", None)
    assert set(reasons(await update(owner, assistant_id, assistant_tts_model="cartesia"))) == {"assistant_tts_voice_id"}
    data_of(await update(owner, assistant_id, assistant_tts_model="cartesia", assistant_tts_voice_id=VOICE))
    assert (await details(owner, assistant_id))["assistant_tts_speaker"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"assistant_tts_speaker": "shubh"}, "assistant_tts_speaker"),
        ({"assistant_tts_voice_id": None}, "assistant_tts_voice_id"),
        ({"assistant_name": None}, "assistant_name"),
        ({"assistant_name": "x" * 101}, "assistant_name"),
        ({"assistant_limits": {"ringing_timeout_seconds": 76}}, "assistant_limits.ringing_timeout_seconds"),
        ({"assistant_end_call_url": "http://169.254.169.254/latest"}, "assistant_end_call_url"),
    ],
)
async def test_change_that_makes_the_whole_wrong_changes_nothing(
    owner: Client, change: dict[str, Any], field: str
) -> None:
    assistant_id = await owner.assistant()
    before = await details(owner, assistant_id)
    assert set(reasons(await update(owner, assistant_id, **change))) == {field}
    assert await details(owner, assistant_id) == before


async def test_report_url_that_leads_inside_is_refused(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "")
    async with serving(ApiSettings()) as strict:
        owner = await strict.owner()
        for url, reason in INSIDE.items():
            response = await owner.post("/assistant/create", ASSISTANT | {"assistant_end_call_url": url})
            assert (url, reasons(response)) == (url, {"assistant_end_call_url": reason})
        assert await owner.assistant(assistant_end_call_url="https://customer.example.com:443/calls?a=1")


async def test_report_url_may_lead_where_the_operator_allows_it(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "10.1.0.0/16")
    async with serving(ApiSettings()) as open_inside:
        owner = await open_inside.owner()
        assert await owner.assistant(assistant_end_call_url="http://10.1.2.3:8080/calls")
        response = await owner.post("/assistant/create", ASSISTANT | {"assistant_end_call_url": "http://10.2.0.1/"})
        assert set(reasons(response)) == {"assistant_end_call_url"}


async def test_deleted_assistant_is_gone_for_everybody_but_kept(owner: Client, database: Database) -> None:
    order = await owner.order()
    assistant_id = order["assistant_id"]
    assert data_of(await owner.send("DELETE", f"/assistant/delete/{assistant_id}")) == {"assistant_id": assistant_id}
    answers = [
        await owner.get(f"/assistant/details/{assistant_id}"),
        await update(owner, assistant_id, assistant_name="Back"),
        await owner.send("DELETE", f"/assistant/delete/{assistant_id}"),
        await owner.post("/call/outbound", order),
    ]
    assert [refused(answer) for answer in answers] == [NOT_FOUND] * 4
    assert data_of(await owner.get("/assistant/list")) == []
    assert await database.get_collection("assistants").count_documents({"_id": assistant_id}) == 1


async def test_assistant_whose_speaker_left_the_roster_is_still_shown(owner: Client, database: Database) -> None:
    assistant_id = await owner.assistant(**SARVAM, assistant_tts_voice_id=None)
    left = {"$set": {"assistant_tts_speaker": "meera"}}
    await database.get_collection("assistants").update_one({"_id": assistant_id}, left)
    assert (await details(owner, assistant_id))["assistant_tts_speaker"] == "meera"
