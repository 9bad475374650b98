"""What a changed JSON Schema would break for those who read by the earlier one.

Adding an optional field is free, and so is another value of an enumeration: readers expect both. Removing, renaming,
retyping or newly requiring breaks, and needs a new version beside the old one.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

type Schema = Mapping[str, Any]


class Incompatible(Exception):
    """A schema would break its readers; says how."""


def check_all(committed: Mapping[str, Schema], current: Mapping[str, Schema]) -> None:
    """Raises Incompatible when something that was committed under a name is gone, or broken."""
    for name, schema in committed.items():
        if name not in current:
            raise Incompatible(f"{name} is gone: who reads it would hear nothing any more")
        check(name, schema, current[name])


def check(name: str, committed: Schema, current: Schema) -> None:
    """Raises Incompatible when what was committed under a name is broken."""
    if broken := breaks(committed, current):
        raise Incompatible(f"{name} would break its readers, make a new version beside it: {'; '.join(broken)}")


def breaks(old: Schema, new: Schema) -> list[str]:
    """Name each field of `old` that is broken in `new`, and how; both may hold `$defs`."""
    return list(_compared(_resolved(old, old), _resolved(new, new), ""))


def _compared(old: Schema, new: Schema, at: str) -> Iterator[str]:
    if _types(old) != _types(new):
        yield f"{at or 'the whole'}: retyped from {_told(old)} to {_told(new)}"
        return
    if gone := _values(old) - _values(new):
        yield f"{at}: no longer {', '.join(sorted(gone))}"
    before, after = _structure(old), _structure(new)
    for name, was in before.get("properties", {}).items():
        inside = f"{at}.{name}".removeprefix(".")
        if name in after.get("properties", {}):
            yield from _compared(was, after["properties"][name], inside)
        else:
            yield f"{inside}: removed"
    for name in sorted(set(after.get("required", ())) - set(before.get("required", ()))):
        yield f"{at}.{name}: newly required".removeprefix(".")
    if "items" in before and "items" in after:
        yield from _compared(before["items"], after["items"], f"{at}[]")


def _types(schema: Schema) -> set[str]:
    """Say what a value may be; a union is all that its options may be."""
    if "anyOf" in schema:
        return {kind for option in schema["anyOf"] for kind in _types(option)}
    kind = schema.get("type", "anything")
    return {f"{schema['format']} {kind}" if "format" in schema else kind}


def _told(schema: Schema) -> str:
    return " or ".join(sorted(_types(schema)))


def _values(schema: Schema) -> set[str]:
    """Return the values of an enumeration; none when any value will do."""
    options: list[Schema] = [schema, *schema.get("anyOf", ())]
    constants = [[option["const"]] for option in options if "const" in option]
    listed = [option["enum"] for option in options if "enum" in option]
    return {json.dumps(value) for values in constants + listed for value in values}


def _structure(schema: Schema) -> Schema:
    """Return the part of a schema that has fields or items of its own."""
    options: list[Schema] = [schema, *schema.get("anyOf", ())]
    return next((option for option in options if "properties" in option or "items" in option), {})


def _resolved(schema: Any, root: Schema) -> Any:
    """Put what a reference leads to in its place; our models do not contain themselves."""
    match schema:
        case {"$ref": str(reference)}:
            return _resolved(root["$defs"][reference.rpartition("/")[2]], root)
        case Mapping():
            return {name: _resolved(part, root) for name, part in schema.items() if name != "$defs"}
        case list():
            return [_resolved(part, root) for part in schema]
        case _:
            return schema
