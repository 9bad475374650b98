"""Kinds of fields that several requests share."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

MAX_TEXT = 256 * 1024
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


def _e164(value: str) -> str:
    if not _E164.fullmatch(value):
        raise PydanticCustomError("phone_number", "must be E.164: + and 2 to 15 digits, e.g. +15550000000")
    return value


def _in_utc(value: datetime) -> datetime:
    """Read a time without a zone as UTC; the ends of the calendar do not exist in every zone."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("moment", "must be a time between the years 1 and 9999 in UTC") from None


def distinct(event_types: list[str] | None) -> list[str] | None:
    """Refuse a list of event types that names one twice."""
    if event_types is not None and len(set(event_types)) != len(event_types):
        raise PydanticCustomError("distinct", "must not name an event type twice")
    return event_types


type PhoneNumber = Annotated[
    str,
    AfterValidator(_e164),
    Field(description="E.164", examples=["+15550000000"], json_schema_extra={"pattern": f"^{_E164.pattern}$"}),
]
type Moment = Annotated[datetime, AfterValidator(_in_utc)]
type Text = Annotated[str, Field(max_length=MAX_TEXT)]
"""Text of any length that a request may have; a bounded field also refuses halves of surrogate pairs."""

type Name = Annotated[str, Field(min_length=1, max_length=100)]
