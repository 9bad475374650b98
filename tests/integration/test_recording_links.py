"""A link to a recording opens the file without a key: in a call's details always, in its report when asked for."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from parley_common.clock import now
from parley_common.db import Database
from parley_common.lifecycle import CallStatus
from parley_common.recordings import Recording, RecordingStatus
from parley_common.s3 import RecordingLinks
from parley_common.settings import S3Settings
from parley_local.world import World
from tests import factories
from tests.fakes.endpoint import Endpoint
from tests.support.bucket import Bucket, settings_of
from tests.support.envelope import data_of, reasons
from tests.support.front import ASSISTANT, Client, Front
from tests.support.mailroom import Mailroom
from tests.support.stored import store

KEY = "recordings/linked.ogg"
READY = Recording(status=RecordingStatus.READY, key=KEY, path=f"https://bucket.test/{KEY}")


async def reported(mailroom: Mailroom, customer: Endpoint, **overrides: Any) -> dict[str, Any]:
    await mailroom.end(customer.url, **overrides)
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    data: dict[str, Any] = posted.json["data"]
    return data


async def test_link_in_a_calls_details_opens_the_file_without_a_key(
    front: Front, owner: Client, database: Database, infrastructure: World
) -> None:
    await Bucket(settings_of(infrastructure)).put(KEY, b"OggS")
    account = await database.get_collection("accounts").find_one({})
    assert account is not None
    call = factories.call(owner_id=account["_id"], status=CallStatus.COMPLETED, ended_at=now(), recording=READY)
    await store(front.services.calls, call)
    shown = data_of(await owner.get(f"/call/{call.call_id}"))
    async with httpx.AsyncClient(trust_env=False) as anybody:
        fetched = await anybody.get(shown["recording_url"])
        forged = await anybody.get(shown["recording_url"].replace("linked", "other"))
    assert (fetched.status_code, fetched.content, forged.status_code) == (200, b"OggS", 403)
    assert now() < datetime.fromisoformat(shown["recording_url_expires_at"]) <= now() + timedelta(hours=1)


async def test_call_without_a_file_has_no_link(owner: Client) -> None:
    call_id = (await owner.call())["call_id"]
    shown = data_of(await owner.get(f"/call/{call_id}"))
    assert (shown["recording_url"], shown["recording_url_expires_at"]) == (None, None)


async def test_report_has_a_link_for_as_long_as_its_assistant_says(mailroom: Mailroom, customer: Endpoint) -> None:
    asking = factories.assistant(end_call_url=customer.url, recording_link_hours=48)
    data = await reported(mailroom, customer, assistant=asking, recording=READY)
    assert KEY in data["recording_url"]
    expires_at = datetime.fromisoformat(data["recording_url_expires_at"])
    assert timedelta(hours=47) < expires_at - now() <= timedelta(hours=48)


async def test_report_has_no_link_unless_it_was_asked_for(mailroom: Mailroom, customer: Endpoint) -> None:
    data = await reported(mailroom, customer, recording=READY)
    assert (data["recording_status"], data["recording_url"], data["recording_url_expires_at"]) == ("ready", None, None)


async def test_report_of_a_recording_that_is_not_there_has_no_link(mailroom: Mailroom, customer: Endpoint) -> None:
    asking = factories.assistant(end_call_url=customer.url, recording_link_hours=48)
    data = await reported(mailroom, customer, assistant=asking, recording=Recording(status=RecordingStatus.FAILED))
    assert data["recording_url"] is None


async def test_nothing_to_sign_with_is_no_link_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert await RecordingLinks(S3Settings()).to(READY, timedelta(hours=1)) is None


async def test_link_lasts_a_week_at_most(owner: Client) -> None:
    body = ASSISTANT | {"assistant_recording": {"link_hours": 169}}
    assert set(reasons(await owner.post("/assistant/create", body))) == {"assistant_recording.link_hours"}


async def test_choice_of_a_link_travels_from_the_assistant_to_its_calls(front: Front, owner: Client) -> None:
    order = await owner.order() | {"assistant_id": await owner.assistant(assistant_recording={"link_hours": 24})}
    call_id = data_of(await owner.post("/call/outbound", order), 202)["call_id"]
    assert (await front.services.calls.get(call_id)).assistant.recording_link_hours == 24
