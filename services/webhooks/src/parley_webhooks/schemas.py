"""The JSON Schema of every body that customers get: `python -m parley_webhooks.schemas` writes docs/schemas.

It refuses to when an event is gone, or its schema would be broken.
"""

import json
from pathlib import Path
from typing import Any

from parley_common.compatibility import check_all
from parley_common.endpoints import EVENT_TYPES, versioned
from parley_common.events import PUBLIC, Event
from parley_webhooks.payloads import ENVELOPE, TOLD_BY_THE_CALL, EndpointReport, Payload
from parley_webhooks.reports import CallReport

FOLDER = Path(__file__).parents[4] / "docs/schemas"


def schemas() -> dict[str, dict[str, Any]]:
    """Return each schema by its event type with version."""
    return {versioned(event_type): _schema(event_type) for event_type in EVENT_TYPES}


def committed(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Return the schemas that were written before, by the same names."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")}


def written(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(event_type: str) -> dict[str, Any]:
    schema = _body(PUBLIC.get(event_type))
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = versioned(event_type)
    schema["properties"]["type"] = {"type": "string", "const": str(event_type)}
    return schema


def _body(event: type[Event] | None) -> dict[str, Any]:
    if event is None:
        return Payload[EndpointReport].model_json_schema(mode="serialization")
    if event in TOLD_BY_THE_CALL:
        return Payload[CallReport].model_json_schema(mode="serialization")
    body, told = Payload[dict[str, Any]].model_json_schema(mode="serialization"), _told(event)
    body["$defs"] |= told.pop("$defs", {})
    body["properties"]["data"] = told
    return body


def _told(event: type[Event]) -> dict[str, Any]:
    """Return what a body has of an event, which is everything but its envelope."""
    schema = event.model_json_schema(mode="serialization")
    shown = {name: field for name, field in schema["properties"].items() if name not in ENVELOPE}
    return {**schema, "properties": shown, "required": [name for name in schema["required"] if name in shown]}


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    current = schemas()
    check_all(committed(folder), current)
    for name, schema in current.items():
        (folder / f"{name}.json").write_text(written(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
