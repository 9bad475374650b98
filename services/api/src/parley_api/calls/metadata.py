"""What a call's metadata may hold: what JSON and the database can both keep, and not too much of it."""

import json
import math
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

MAX_BYTES = 16 * 1024
MAX_DEPTH = 20
_INT64 = range(-(2**63), 2**63)


def _checked(metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    if metadata is None:
        return None
    if "to_number" in metadata:
        raise PydanticCustomError("metadata_to_number", "must not contain to_number: that is the number called")
    if not _storable(metadata, MAX_DEPTH):
        raise PydanticCustomError("metadata_content", "must hold plain JSON: no huge numbers, odd keys or deep nesting")
    if len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES:
        raise PydanticCustomError("metadata_size", "must be at most 16 KB of JSON")
    return metadata


def _storable(value: object, depth: int) -> bool:
    match value:
        case str():
            return _encodable(value)
        case int():
            return value in _INT64
        case float():
            return math.isfinite(value)
        case list():
            return depth > 0 and all(_storable(item, depth - 1) for item in value)
        case dict():
            return depth > 0 and all(_is_key(key) and _storable(item, depth - 1) for key, item in value.items())
    return value is None


def _is_key(key: str) -> bool:
    return _encodable(key) and "\0" not in key and not key.startswith("$")


def _encodable(text: str) -> bool:
    """Refuse half of a surrogate pair: JSON can write it, UTF-8 cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


type Metadata = Annotated[dict[str, Any] | None, AfterValidator(_checked)]
