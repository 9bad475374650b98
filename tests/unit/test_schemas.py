"""What customers read by: a schema for every public event, current, kept, and true of what is sent."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from parley_common.calls import Attempt
from parley_common.compatibility import Incompatible, check_all
from parley_common.endpoints import EVENT_TYPES, versioned
from parley_common.events import PUBLIC
from parley_webhooks import schemas
from parley_webhooks.examples import example_payload
from parley_webhooks.payloads import payload
from parley_webhooks.schemas import FOLDER, committed, written
from tests import factories

CURRENT = schemas.schemas()
COMMITTED = committed()

public = pytest.mark.parametrize("event_type", EVENT_TYPES)


def test_every_public_event_has_a_schema_and_nothing_else_has() -> None:
    assert set(COMMITTED) == {versioned(event_type) for event_type in EVENT_TYPES}
    assert {event.key for event in PUBLIC.values()} <= set(COMMITTED)


@pytest.mark.parametrize("name", sorted(CURRENT))
def test_schema_is_current(name: str) -> None:
    stands = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert stands == written(CURRENT[name]), "run make docs"


def test_no_schema_breaks_who_reads_by_the_committed_one() -> None:
    check_all(COMMITTED, CURRENT)


@public
def test_example_holds_to_its_schema(event_type: str) -> None:
    schema = COMMITTED[versioned(event_type)]
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(example_payload(event_type).model_dump_json()))


@public
def test_body_of_another_type_is_refused_by_the_schema(event_type: str) -> None:
    body = json.loads(example_payload(event_type).model_dump_json())
    with pytest.raises(ValidationError):
        Draft202012Validator(COMMITTED[versioned(event_type)]).validate(body | {"type": "something.else"})


def test_report_of_a_call_that_never_rang_holds_to_the_schema() -> None:
    call = factories.call(attempts=[Attempt(**factories.attempt().model_dump())])
    told = payload(call, "call.ended", call.queued_at)
    Draft202012Validator(COMMITTED["call.ended.v1"]).validate(json.loads(told.model_dump_json()))


def test_schema_that_would_break_is_not_written(tmp_path: Path) -> None:
    schemas.main(tmp_path)
    file = tmp_path / "call.ringing.v1.json"
    earlier = json.loads(file.read_text(encoding="utf-8"))
    earlier["properties"]["data"]["properties"]["phone"] = {"type": "string"}
    file.write_text(json.dumps(earlier), encoding="utf-8")
    with pytest.raises(Incompatible, match=r"call\.ringing\.v1 would break its readers.*data\.phone: removed"):
        schemas.main(tmp_path)
    assert json.loads(file.read_text(encoding="utf-8")) == earlier


def test_event_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "call.teleported.v1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Incompatible, match=r"call\.teleported\.v1 is gone"):
        schemas.main(tmp_path)
