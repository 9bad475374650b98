"""Opaque cursors of lists, newest first: the place of the last entry shown."""

import base64
from datetime import datetime

from pydantic import TypeAdapter

from parley_api.errors import invalid
from parley_api.fields import Moment, Name

_PLACE = TypeAdapter(tuple[Moment, Name])


def cursor_after(moment: datetime, entry_id: str) -> str:
    return base64.urlsafe_b64encode(_PLACE.dump_json((moment, entry_id))).decode()


def place_of(cursor: str) -> tuple[datetime, str]:
    """Raises a 422 when the cursor is not one of ours."""
    try:
        return _PLACE.validate_json(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError as error:
        raise invalid("cursor", "must be a next_cursor of an earlier page") from error
