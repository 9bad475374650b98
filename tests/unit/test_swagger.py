"""Swagger UI works where there is no internet: the page and all that it loads come from the api."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from parley_api.app import make_app
from tests.support.operations import DOCUMENT


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """Ask an api that was not started: documentation needs no server behind it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app()), base_url="http://api.test") as client:
        yield client


async def test_page_loads_nothing_from_elsewhere_and_all_that_it_loads_is_there(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/docs")).raise_for_status()
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)|url: ["']([^"']+)""", page.text)
    paths = {one or other for one, other in loaded}
    assert "/openapi.json" in paths
    assert len(paths) >= 4
    assert all(path.startswith("/") and not path.startswith("//") for path in paths)
    for path in paths:
        assert (await browser.get(path)).raise_for_status().content


async def test_page_keeps_the_key_that_was_entered(browser: httpx.AsyncClient) -> None:
    assert '"persistAuthorization": true' in (await browser.get("/docs")).text


async def test_style_sheet_loads_nothing_from_elsewhere(browser: httpx.AsyncClient) -> None:
    style = (await browser.get("/docs/assets/swagger-ui.css")).raise_for_status().text
    assert set(re.findall(r"""url\(\s*["']?([^"')]{5})""", style)) == {"data:"}
    assert "@import" not in style


def test_document_names_both_ways_to_send_a_key() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"].values()
    assert {(one["type"], one.get("name") or one["scheme"]) for one in schemes} == {
        ("apiKey", "x-api-key"),
        ("http", "bearer"),
    }


def test_document_shows_no_field_without_its_envelope() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for told in methods.values():
            good = next(told["responses"][status] for status in ("200", "202") if status in told["responses"])
            if list(good["content"]) == ["text/event-stream"]:
                continue
            schema = good["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert set(DOCUMENT["components"]["schemas"][schema]["properties"]) == {"success", "message", "data"}, path
