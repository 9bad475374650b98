"""Reads the envelope of an answer, and fails when there is none."""

from typing import Any

import httpx


def data_of(response: httpx.Response, status: int = 200) -> Any:
    """Return the data of a success."""
    assert (response.status_code, response.json()["success"]) == (status, True), response.text
    return _opened(response)["data"]


def refused(response: httpx.Response) -> tuple[int, str]:
    """Return status and message of an error."""
    envelope = _opened(response)
    assert envelope["success"] is False, response.text
    return response.status_code, envelope["message"]


def reasons(response: httpx.Response) -> dict[str, str]:
    """Return which fields a 422 names, and why."""
    assert refused(response) == (422, "Validation failed")
    return {error["field"]: error["reason"] for error in response.json()["data"]["errors"]}


def _opened(response: httpx.Response) -> dict[str, Any]:
    envelope: dict[str, Any] = response.json()
    assert set(envelope) == {"success", "message", "data"}, response.text
    assert isinstance(envelope["success"], bool)
    assert isinstance(envelope["message"], str)
    assert isinstance(envelope["data"], dict | list)
    assert response.headers["x-request-id"]
    return envelope
