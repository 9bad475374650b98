"""The versioning rule: what may be added, and what breaks those who read by the earlier schema."""

from enum import StrEnum
from typing import Any

import pytest
from pydantic import AwareDatetime, BaseModel, create_model

from parley_common.compatibility import Incompatible, breaks, check


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Inner(BaseModel):
    at: AwareDatetime | None


class Before(BaseModel):
    name: str
    count: int
    mood: Mood
    note: str | None = None
    inner: Inner | None
    many: list[Inner]


FIELDS: dict[str, Any] = {name: (field.annotation, field) for name, field in Before.model_fields.items()}


def changed(without: str = "", **fields: Any) -> dict[str, Any]:
    """Return the schema after a change of some fields."""
    kept = {name: field for name, field in FIELDS.items() if name != without}
    after: type[BaseModel] = create_model("After", **kept | fields)
    return after.model_json_schema()


class Later(BaseModel):
    at: AwareDatetime | None
    until: AwareDatetime | None = None


class Numbered(BaseModel):
    at: int | None


class Worse(StrEnum):
    GOOD = "good"


class Better(StrEnum):
    GOOD = "good"
    BAD = "bad"
    SUPERB = "superb"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"more": (str | None, None)},
        {"more": (int, 0)},
        {"inner": (Later | None, ...)},
        {"many": (list[Later], ...)},
        {"mood": (Better, ...)},
    ],
    ids=str,
)
def test_optional_field_and_another_value_are_free(fields: dict[str, Any]) -> None:
    assert breaks(Before.model_json_schema(), changed(**fields)) == []


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (changed(without="note"), ["note: removed"]),
        (changed(without="note", remark=(str | None, None)), ["note: removed"]),
        (changed(without="name", title=(str, ...)), ["name: removed", "title: newly required"]),
        (changed(more=(str, ...)), ["more: newly required"]),
        (changed(note=(str | None, ...)), ["note: newly required"]),
        (changed(count=(str, ...)), ["count: retyped from integer to string"]),
        (changed(count=(int | None, ...)), ["count: retyped from integer to integer or null"]),
        (changed(note=(str, "")), ["note: retyped from null or string to string"]),
        (changed(name=(AwareDatetime, ...)), ["name: retyped from string to date-time string"]),
        (changed(mood=(Worse, ...)), ['mood: no longer "bad"']),
        (
            changed(inner=(Numbered | None, ...)),
            ["inner.at: retyped from date-time string or null to integer or null"],
        ),
        (changed(many=(list[Numbered], ...)), ["many[].at: retyped from date-time string or null to integer or null"]),
        (changed(many=(Inner, ...)), ["many: retyped from array to object"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_break_is_named(change: dict[str, Any], broken: list[str]) -> None:
    assert breaks(Before.model_json_schema(), change) == broken


def test_schema_that_breaks_is_refused_by_name() -> None:
    with pytest.raises(Incompatible, match=r"call\.ended\.v1 would break its readers.*count: removed"):
        check("call.ended.v1", Before.model_json_schema(), changed(without="count"))
