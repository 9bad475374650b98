"""Opaque cursors of the call list: the place of the last call shown."""

import base64
from datetime import datetime

from pydantic import TypeAdapter

from parley_api.errors import invalid
from parley_api.fields import Moment, Name
from parley_common.calls import Call
from parley_common.ids import CallId

_PLACE = TypeAdapter(tuple[Moment, Name])


def cursor_after(call: Call) -> str:
    return base64.urlsafe_b64encode(_PLACE.dump_json((call.queued_at, call.call_id))).decode()


def place_of(cursor: str) -> tuple[datetime, CallId]:
    """Raises a 422 when the cursor is not one of ours."""
    try:
        queued_at, call_id = _PLACE.validate_json(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError as error:
        raise invalid("cursor", "must be a next_cursor of an earlier page") from error
    return queued_at, CallId(call_id)
