"""What a call's metadata may hold: what JSON and the database can both keep, and not too much of it."""

import json
import math
from collections.abc import Iterable
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
    if flaw := _flaw_of(metadata, MAX_DEPTH):
        raise PydanticCustomError("metadata_content", flaw)
    if len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES:
        raise PydanticCustomError("metadata_size", "must be at most 16 KB of JSON")
    return metadata


def _flaw_of(value: object, depth: int) -> str | None:
    match value:
        case dict() | list() if depth == 0:
            return f"must not be nested more than {MAX_DEPTH} deep"
        case list():
            return _first(_flaw_of(item, depth - 1) for item in value)
        case dict():
            return _first(_flaw_of_key(key) or _flaw_of(item, depth - 1) for key, item in value.items())
    return _flaw_of_scalar(value)


def _flaw_of_scalar(value: object) -> str | None:
    match value:
        case str() if not _encodable(value):
            return "must not contain broken Unicode"
        case int() if value not in _INT64:
            return "must not contain whole numbers of more than 64 bits: send them as text"
        case float() if not math.isfinite(value):
            return "must not contain NaN or Infinity"
    return None


def _flaw_of_key(key: str) -> str | None:
    if not _encodable(key) or "\0" in key or key.startswith("$"):
        return "must not have keys that begin with $ or contain NUL or broken Unicode"
    return None


def _first(flaws: Iterable[str | None]) -> str | None:
    return next((flaw for flaw in flaws if flaw), None)


def _encodable(text: str) -> bool:
    """Refuse half of a surrogate pair: JSON can write it, UTF-8 cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


type Metadata = Annotated[dict[str, Any] | None, AfterValidator(_checked)]
