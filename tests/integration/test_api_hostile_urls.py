"""No way to hand a URL to Parley takes one that leads astray."""

from collections.abc import AsyncIterator

import pytest

from parley_api.settings import ApiSettings
from tests.support.envelope import data_of, reasons
from tests.support.front import ASSISTANT, ENDPOINT, Client, Front, serving
from tests.support.hostile import HOSTILE


@pytest.fixture
async def strict(front: Front, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Somebody with a key, where no network is listed."""
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "")
    async with serving(ApiSettings()) as api:
        yield await api.owner()


async def test_endpoint_is_not_created_there(strict: Client) -> None:
    for url, reason in HOSTILE:
        answer = await strict.post("/endpoints", {"endpoint_url": url})
        assert (url, reasons(answer)) == (url, {"endpoint_url": _told(url, reason)})
    assert data_of(await strict.get("/endpoints")) == []


async def test_endpoint_is_not_moved_there(strict: Client) -> None:
    path = f"/endpoints/{await strict.endpoint()}"
    for url, reason in HOSTILE:
        answer = await strict.send("PATCH", path, {"endpoint_url": url})
        assert (url, reasons(answer)) == (url, {"endpoint_url": _told(url, reason)})
    assert data_of(await strict.get(path))["endpoint_url"] == ENDPOINT["endpoint_url"]


async def test_assistant_is_not_created_with_reports_that_go_there(strict: Client) -> None:
    for url, reason in HOSTILE:
        answer = await strict.post("/assistant/create", ASSISTANT | {"assistant_end_call_url": url})
        assert (url, reasons(answer)) == (url, {"assistant_end_call_url": reason})
    assert data_of(await strict.get("/assistant/list")) == []


async def test_reports_of_an_assistant_are_not_moved_there(strict: Client) -> None:
    assistant_id = await strict.assistant()
    for url, reason in HOSTILE:
        answer = await strict.send("PATCH", f"/assistant/update/{assistant_id}", {"assistant_end_call_url": url})
        assert (url, reasons(answer)) == (url, {"assistant_end_call_url": reason})
    shown = data_of(await strict.get(f"/assistant/details/{assistant_id}"))
    assert shown["assistant_end_call_url"] == ASSISTANT["assistant_end_call_url"]


def _told(url: str, reason: str) -> str:
    """An endpoint without a URL is told that it needs one."""
    return reason if url else "must have 1 or more characters"
