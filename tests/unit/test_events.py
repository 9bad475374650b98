"""Events: the envelope, and the catalogue that everything else is generated from."""

import json
import re

import pytest
from pydantic import ValidationError

from parley_common.asyncapi import FILE, check_events
from parley_common.clock import now
from parley_common.endpoints import versioned
from parley_common.events import (
    CATALOGUE,
    PUBLIC,
    CallAnswered,
    CallEnded,
    CallRequested,
    CallRinging,
    Event,
    versions_of,
)
from parley_common.topology import SUBSCRIPTIONS, queue_name
from parley_webhooks.payloads import event_payload
from tests import factories
from tests.support.second_version import second_version


@pytest.mark.parametrize("key", sorted(CATALOGUE))
def test_routing_key_is_noun_past_fact_and_version(key: str) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+\.v\d+", key)
    assert CATALOGUE[key].__doc__


def test_event_takes_its_facts_from_the_call_and_its_id_from_the_write() -> None:
    call = factories.call(version=4, answered_at=now())
    event = CallAnswered.of(call)
    assert event.event_id == f"evt_{call.call_id}_4"
    assert event.seq == 4
    assert event.answered_at == call.answered_at
    assert CallAnswered.of(call).event_id == event.event_id


def test_event_survives_the_wire() -> None:
    event = CallRequested.of(factories.call())
    assert CallRequested.model_validate_json(event.model_dump_json()) == event
    assert event.model_dump()["type"] == "call.requested.v1"


def test_event_that_lacks_a_fact_is_refused_without_showing_the_others() -> None:
    with pytest.raises(ValidationError) as refusal:
        CallEnded.of(factories.call(to_number="+15557654321"))
    assert "ended_at" in str(refusal.value)
    assert "7654321" not in str(refusal.value)


def test_second_event_with_a_taken_key_is_refused() -> None:
    with pytest.raises(TypeError, match=r"call\.answered\.v1"):
        type("Copy", (Event,), {"__module__": __name__}, key="call.answered.v1")


def test_second_version_stands_beside_the_first() -> None:
    call = factories.call()
    with second_version() as later:
        versions: list[type[Event]] = [CallRinging, later]
        assert versions_of(CallRinging) == versions_of(later) == versions
        assert [PUBLIC[event.name()] for event in versions] == versions
        assert [versioned(event.name()) for event in versions] == ["call.ringing.v1", "call.ringing.v2"]
        assert {queue_name("webhooks", event) for event in versions} == {
            "webhooks.call.ringing",
            "webhooks.call.ringing.v2",
        }
        assert {event.of(call).event_id for event in versions} == {
            f"evt_{call.call_id}_1",
            f"evt_{call.call_id}_1_v2",
        }
        assert [event_payload(event.of(call)).type for event in versions] == ["call.ringing", "call.ringing.v2"]
        check_events(json.loads(FILE.read_text(encoding="utf-8")))


def test_queue_is_named_after_its_service_and_event() -> None:
    assert queue_name("dialer", CallRequested) == "dialer.call.requested"


def test_every_call_event_is_heard_by_somebody() -> None:
    heard = {event for events in SUBSCRIPTIONS.values() for event in events}
    assert {event.key for event in CATALOGUE.values() if event not in heard} == {"agent.replaced.v1"}
