"""The written interface of the api is the one it serves."""

from parley_api.openapi import FILE, written


def test_openapi_document_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == written(), "run make docs"
