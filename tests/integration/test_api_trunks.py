"""SIP trunks: made on LiveKit and kept here together, the password nowhere to be read."""

import pytest
import structlog

from parley_api.trunks.service import PASSWORD_PURPOSE
from parley_common.db import Database
from parley_common.errors import DatabaseUnavailable
from parley_common.trunks import Trunk
from tests.support.envelope import data_of, refused
from tests.support.front import TRUNK, Client, Front

PASSWORD = TRUNK["trunk_auth_password"]


@pytest.mark.parametrize("trunk_type", ["twilio", "exotel"])
async def test_trunk_is_made_on_livekit_with_its_password(front: Front, owner: Client, trunk_type: str) -> None:
    trunk_id = await owner.trunk(trunk_type=trunk_type)
    made = front.trunks.made
    assert [(one, made[one].auth_password, made[one].trunk_type) for one in made] == [(trunk_id, PASSWORD, trunk_type)]


async def test_list_shows_own_trunks_newest_first_in_pages(owner: Client) -> None:
    ids = [await owner.trunk(trunk_name=f"Line {n}") for n in range(3)]
    shown = data_of(await owner.get("/sip/list"))
    assert [one["trunk_id"] for one in shown] == ids[::-1]
    without_password = {name: value for name, value in TRUNK.items() if name != "trunk_auth_password"}
    assert (without_password | {"trunk_name": "Line 2"}).items() <= shown[0].items()
    assert set(shown[0]) == {*without_password, "trunk_id", "trunk_limits", "created_at"}
    assert [one["trunk_id"] for one in data_of(await owner.get("/sip/list?limit=1&offset=1"))] == [ids[1]]


async def test_password_is_sealed_and_neither_answered_nor_logged(
    front: Front, owner: Client, database: Database
) -> None:
    with structlog.testing.capture_logs() as lines:
        created = await owner.post("/sip/create-outbound-trunk", TRUNK)
        shown = await owner.get("/sip/list")
    stored = await database.get_collection("trunks").find_one({})
    assert stored is not None
    assert all(PASSWORD not in text for text in (created.text, shown.text, str(stored), str(lines)))
    assert front.services.box.open(stored["sealed_password"], purpose=PASSWORD_PURPOSE) == PASSWORD
    assert PASSWORD not in repr(next(iter(front.trunks.made.values())))


async def test_trunk_that_cannot_be_kept_is_taken_back_from_livekit(
    front: Front, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_trunk: Trunk) -> None:
        assert front.trunks.made, "LiveKit had made it"
        raise DatabaseUnavailable("the database cannot be reached")

    monkeypatch.setattr(front.services.trunks, "insert", away)
    answer = await owner.post("/sip/create-outbound-trunk", TRUNK)
    assert refused(answer) == (503, "Service temporarily unavailable")
    assert front.trunks.made == {}
    assert data_of(await owner.get("/sip/list")) == []


async def test_limits_are_shown_changed_and_refused_when_they_make_no_sense(owner: Client) -> None:
    trunk_id = await owner.trunk(trunk_limits={"max_concurrent_calls": 5})
    changed = {"max_concurrent_calls": 2, "calls_per_second": 0.5}
    data_of(await owner.send("PATCH", f"/sip/update/{trunk_id}", {"trunk_limits": changed}))
    assert data_of(await owner.get("/sip/list"))[0]["trunk_limits"] == changed
    nonsense = await owner.send("PATCH", f"/sip/update/{trunk_id}", {"trunk_limits": {"calls_per_second": 0}})
    assert nonsense.status_code == 422
    assert "must be more than 0" in nonsense.text


async def test_deleted_trunk_is_gone_here_and_on_livekit(front: Front, owner: Client) -> None:
    trunk_id = await owner.trunk()
    data_of(await owner.send("DELETE", f"/sip/delete/{trunk_id}", None))
    assert data_of(await owner.get("/sip/list")) == []
    assert trunk_id not in front.trunks.made
    assert (await owner.send("DELETE", f"/sip/delete/{trunk_id}", None)).status_code == 404
