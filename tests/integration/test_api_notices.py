"""A key's owner is told by mail that it was made; mail holds nothing up and never carries the key."""

import asyncio
import re
from collections.abc import Iterator

import pytest

from parley_api.settings import ApiSettings
from tests.support.envelope import data_of
from tests.support.front import Front, serving
from tests.support.postbox import Postbox, postbox_at

ADA = {"user_name": "Buy now https://ads.example.com", "user_email": "ada@example.com", "org_name": "Engines"}


@pytest.fixture
def postbox(unused_tcp_port: int) -> Iterator[Postbox]:
    with postbox_at(unused_tcp_port) as box:
        yield box


@pytest.fixture
def settings(front: Front, postbox: Postbox, monkeypatch: pytest.MonkeyPatch) -> ApiSettings:
    """What an operator sets to have notices sent."""
    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("SMTP_PORT", str(postbox.port))
    monkeypatch.setenv("FROM_EMAIL", "calls@parley.example.com")
    monkeypatch.setenv("FROM_NAME", "Parley at Work")
    monkeypatch.setenv("BACKEND_URL", "https://parley.example.com/")
    return ApiSettings()


async def create_key(settings: ApiSettings, **fields: str) -> str:
    """Make a key; a mail that is on its way has arrived when the api has stopped."""
    async with serving(settings) as front:
        response = await (await front.stranger()).post("/auth/create-key", ADA | fields)
    return str(data_of(response)["api_key"])


async def test_owner_of_a_new_key_is_told_from_whom_and_where_the_api_is(
    settings: ApiSettings, postbox: Postbox
) -> None:
    key = await create_key(settings)
    (mail,) = postbox.mails
    assert mail["To"] == "ada@example.com"
    assert mail["From"] == "Parley at Work <calls@parley.example.com>"
    assert mail["Subject"] == "Your Parley API key was created"
    assert "https://parley.example.com/docs" in mail.get_content()
    assert key[:12] in mail.get_content()


async def test_mail_carries_neither_the_key_nor_what_the_asker_wrote(settings: ApiSettings, postbox: Postbox) -> None:
    key = await create_key(settings)
    whole = postbox.mails[0].as_string()
    assert key[13:] not in whole
    assert "ads.example.com" not in whole


async def test_address_in_another_script_is_told_too(settings: ApiSettings, postbox: Postbox) -> None:
    await create_key(settings, user_email="ü@exämple.com")
    assert len(postbox.mails) == 1


async def test_owner_is_told_of_each_further_rotated_and_revoked_key_and_of_none_twice(
    settings: ApiSettings, postbox: Postbox
) -> None:
    async with serving(settings) as front:
        owner = await front.owner()
        made = data_of(await owner.post("/auth/keys", {"name": "Buy now https://ads.example.com"}))
        await front.services.mailer.drain()
        new = data_of(await owner.post(f"/auth/keys/{made['key_id']}/rotate"))
        await front.services.mailer.drain()
        for _ in range(2):
            await owner.send("DELETE", f"/auth/keys/{made['key_id']}")
    _, created, rotated, revoked = postbox.mails
    assert [str(mail["Subject"]).rpartition(" ")[2] for mail in (created, rotated, revoked)] == [
        "created",
        "rotated",
        "revoked",
    ]
    assert made["prefix"] in created.get_content()
    assert {made["prefix"], new["prefix"]} <= set(re.findall(r"lvk_[\w-]{8}", rotated.get_content()))
    assert made["prefix"] in revoked.get_content()
    for mail in postbox.mails:
        assert "DELETE /auth/keys/{key_id}" in mail.get_content() or mail is postbox.mails[0]
        assert "ads.example.com" not in mail.as_string()
        assert not any(key["api_key"][13:] in mail.as_string() for key in (made, new))


async def test_refused_sign_up_sends_no_mail(settings: ApiSettings, postbox: Postbox) -> None:
    await create_key(settings)
    async with serving(settings) as front:
        assert (await (await front.stranger()).post("/auth/create-key", ADA)).status_code == 400
    assert len(postbox.mails) == 1


@pytest.mark.parametrize("away", ["closed", "silent"])
async def test_key_is_made_while_the_mail_server_is_away(
    settings: ApiSettings, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    taken: list[asyncio.StreamWriter] = []
    connected = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        connected.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    monkeypatch.setenv("SMTP_PORT", str(server.sockets[0].getsockname()[1]))
    if away == "closed":
        server.close()
    async with serving(ApiSettings()) as front:
        response = await (await front.stranger()).post("/auth/create-key", ADA)
        assert data_of(response)["api_key"]
        if away == "silent":
            await connected.wait()  # the answer came while the mail was on its way
        for writer in taken:
            writer.close()
    server.close()


async def test_without_a_mail_server_nothing_is_sent(front: Front, postbox: Postbox) -> None:
    await create_key(ApiSettings())
    assert postbox.mails == []
