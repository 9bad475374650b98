"""The AsyncAPI document: valid by AsyncAPI's own schema, current, and with nothing that breaks a consumer.

asyncapi-3.0.0.json is the schema that the AsyncAPI Initiative publishes (Apache License 2.0).
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError

from parley_common import asyncapi
from parley_common.asyncapi import FILE, document, event_schemas, written
from parley_common.compatibility import Incompatible
from parley_common.endpoints import EVENT_TYPES
from parley_common.events import CATALOGUE, PUBLIC
from parley_common.examples import example_of

SCHEMA = json.loads((Path(__file__).parents[1] / "support/asyncapi-3.0.0.json").read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SCHEMA)
COMMITTED: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def references(part: Any) -> set[str]:
    """Return everything that a part of the document refers to."""
    match part:
        case {"$ref": str(reference)}:
            return {reference}
        case dict():
            return {found for inner in part.values() for found in references(inner)}
        case list():
            return {found for inner in part for found in references(inner)}
        case _:
            return set()


def leads_somewhere(reference: str) -> bool:
    if reference.startswith("./"):
        return (FILE.parent / reference).exists()
    place: Any = COMMITTED
    for step in reference.removeprefix("#/").split("/"):
        place = place.get(step, {})
    return bool(place)


def test_document_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == written(), "run make docs"


def test_document_is_valid() -> None:
    VALIDATOR.validate(COMMITTED)


@pytest.mark.parametrize("part", ["info", "asyncapi"])
def test_document_without_a_part_is_not(part: str) -> None:
    with pytest.raises(ValidationError):
        VALIDATOR.validate({name: held for name, held in document().items() if name != part})


def test_operation_that_neither_sends_nor_receives_is_not_valid() -> None:
    wrong = copy.deepcopy(document())
    wrong["operations"]["send.stream"]["action"] = "shout"
    with pytest.raises(ValidationError):
        VALIDATOR.validate(wrong)


def test_every_reference_leads_somewhere() -> None:
    found = references(COMMITTED)
    assert len(found) > len(CATALOGUE) + len(EVENT_TYPES)
    assert [reference for reference in sorted(found) if not leads_somewhere(reference)] == []


def test_every_event_has_a_channel_and_every_public_one_is_told() -> None:
    assert set(CATALOGUE) <= set(COMMITTED["channels"])
    assert len(COMMITTED["channels"]["webhook"]["messages"]) == len(EVENT_TYPES)


def test_integrators_queue_has_a_channel_with_all_that_a_subscription_can_ask_for() -> None:
    channel = COMMITTED["channels"]["subscription"]
    assert channel["address"] == "int.{owner}.{subscription_name}"
    assert set(channel["messages"]) == {event.key for event in PUBLIC.values()}
    assert COMMITTED["operations"]["send.subscription"]["channel"] == {"$ref": "#/channels/subscription"}


@pytest.mark.parametrize("key", sorted(CATALOGUE))
def test_example_of_an_event_holds_to_its_schema_and_can_be_read_back(key: str) -> None:
    event = example_of(CATALOGUE[key])
    schemas = json.loads(json.dumps(event_schemas()).replace("#/components/schemas/", "#/$defs/"))
    whole = {"$ref": f"#/$defs/{type(event).__name__}", "$defs": schemas}
    Draft202012Validator(whole).validate(event.model_dump(mode="json"))
    assert CATALOGUE[key].model_validate_json(event.model_dump_json()) == event


def test_no_event_breaks_who_reads_by_the_committed_document() -> None:
    asyncapi.check_events(COMMITTED)


def test_event_that_would_break_is_named() -> None:
    earlier = copy.deepcopy(COMMITTED)
    earlier["components"]["schemas"]["CallRinging"]["properties"]["room_name"] = {"type": "integer"}
    broken = r"call\.ringing\.v1 would break its readers.*room_name: retyped from integer to string"
    with pytest.raises(Incompatible, match=broken):
        asyncapi.check_events(earlier)


def test_event_that_was_renamed_is_named() -> None:
    earlier = copy.deepcopy(COMMITTED)
    earlier["components"]["messages"]["CallRinging"]["name"] = "call.rung.v1"
    with pytest.raises(Incompatible, match=r"call\.rung\.v1 is gone"):
        asyncapi.check_events(earlier)


def test_class_of_an_event_may_be_renamed_but_breaks_nobody_by_it() -> None:
    earlier = json.loads(json.dumps(COMMITTED).replace("CallRinging", "CallRang"))
    asyncapi.check_events(earlier)
    earlier["components"]["schemas"]["CallRang"]["properties"]["phone"] = {"type": "string"}
    with pytest.raises(Incompatible, match=r"call\.ringing\.v1 would break its readers.*phone: removed"):
        asyncapi.check_events(earlier)


def test_public_event_whose_committed_schema_is_gone_is_named() -> None:
    earlier = copy.deepcopy(COMMITTED)
    earlier["components"]["messages"]["call.rung.v1"] = {"payload": {"$ref": "./schemas/call.rung.v1.json"}}
    with pytest.raises(Incompatible, match=r"schemas/call\.rung\.v1\.json is gone"):
        asyncapi.check_events(earlier)
