"""Opaque cursors of the call list: the place of the last call shown."""

import base64
import binascii
import json
from datetime import datetime

from parley_api.errors import invalid
from parley_common.calls import Call
from parley_common.ids import CallId


def cursor_after(call: Call) -> str:
    place = json.dumps([call.queued_at.isoformat(), call.call_id])
    return base64.urlsafe_b64encode(place.encode()).decode()


def place_of(cursor: str) -> tuple[datetime, CallId]:
    """Raises a 422 when the cursor is not one of ours."""
    try:
        queued_at, call_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(queued_at), CallId(str(call_id))
    except (binascii.Error, ValueError, TypeError) as error:
        raise invalid("cursor", "must be a next_cursor of an earlier page") from error
