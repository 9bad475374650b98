"""The events as an AsyncAPI 3 document: what is on RabbitMQ, and what customers get of it.

`python -m parley_common.asyncapi` writes docs/asyncapi.json, and refuses to when an event is gone or would be broken.
The bodies that customers get are not repeated there: docs/schemas has one file for each.
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from parley_common import topology
from parley_common.compatibility import Incompatible, check_all
from parley_common.endpoints import EVENT_TYPES, versioned
from parley_common.events import CATALOGUE, Event
from parley_common.examples import example_of
from parley_common.ids import OwnerId
from parley_common.subscriptions import queue_name

FILE = Path(__file__).parents[4] / "docs/asyncapi.json"

type Document = dict[str, Any]


def document() -> Document:
    """Describe every event, who hears it, and the ways in which customers are told."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parley",
            "version": "1.0.0",
            "description": "What happens to calls. An optional field may be added to an event at any time; whatever "
            "would break a reader is a new version beside the old one, with a name and an id of its own.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "rabbitmq": {
                "host": "localhost:5672",
                "protocol": "amqp",
                "description": "Inside: between the services; outside: subscriptions.",
            },
            "api": {"host": "localhost:8000", "protocol": "http", "description": "Outside: live streams."},
        },
        "channels": {**{key: _channel(event) for key, event in CATALOGUE.items()}, **_outside()},
        "operations": {**_hearing(), **_telling()},
        "components": {
            "messages": {**{event.__name__: _message(event) for event in CATALOGUE.values()}, **_public_messages()},
            "schemas": event_schemas(),
        },
    }


def event_schemas() -> Document:
    """Return the schema of every event, by the name of its class, and of what they are made of."""
    events: list[tuple[type[Event], JsonSchemaMode]] = [(event, "serialization") for event in CATALOGUE.values()]
    _, found = models_json_schema(events, ref_template="#/components/schemas/{model}")
    schemas: Document = found["$defs"]
    return schemas


def written() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _channel(event: type[Event]) -> Document:
    exchange = {"name": topology.EVENTS, "type": "topic", "durable": True, "vhost": "/"}
    return {
        "address": event.key,
        "description": event.__doc__,
        "servers": [_reference("servers", "rabbitmq")],
        "messages": {event.__name__: _reference("components/messages", event.__name__)},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange}},
    }


def _outside() -> Document:
    names = [versioned(event_type) for event_type in EVENT_TYPES]
    messages = {name: _reference("components/messages", name) for name in names}
    of_calls = {name: message for name, message in messages.items() if not name.startswith("endpoint.")}
    api = [_reference("servers", "api")]
    call_id = {"description": "The call_id that POST /call/outbound answered with."}
    return {
        "webhook": {"address": None, "description": "The URL of an endpoint; docs/webhooks.md.", "messages": messages},
        "stream": {"address": "/events", "servers": api, "messages": messages},
        "callStream": {
            "address": "/call/{call_id}/events",
            "servers": api,
            "parameters": {"call_id": call_id},
            "messages": of_calls,
        },
        "subscription": _subscription(of_calls),
    }


def _subscription(messages: Document) -> Document:
    owner = {"description": "Whose queue it is; stands in the queue_name that POST /subscriptions answers with."}
    return {
        "address": queue_name(OwnerId("{owner}"), "{subscription_name}"),
        "description": "A queue of an integrator's own, filled from parley.public; docs/subscriptions.md.",
        "servers": [_reference("servers", "rabbitmq")],
        "parameters": {"owner": owner, "subscription_name": {"description": "What its owner has called it."}},
        "messages": messages,
        "bindings": {"amqp": {"is": "queue", "queue": {"durable": True, "exclusive": False, "vhost": "/"}}},
    }


def _hearing() -> Document:
    """Say which service hears what, over which queue."""
    heard = ((service, event) for service, events in topology.SUBSCRIPTIONS.items() for event in events)
    return {
        topology.queue_name(service, event): {
            "action": "receive",
            "channel": _reference("channels", event.key),
            "summary": f"{service} hears it over the queue {topology.queue_name(service, event)}.",
        }
        for service, event in heard
    }


def _telling() -> Document:
    told = {
        "webhook": "Post an event, signed.",
        "stream": "Stream all events of an owner.",
        "callStream": "Stream the events of a call.",
        "subscription": "Fill an integrator's queue with the events of an owner's calls.",
    }
    return {
        f"send.{channel}": {"action": "send", "channel": _reference("channels", channel), "summary": summary}
        for channel, summary in told.items()
    }


def _message(event: type[Event]) -> Document:
    return {
        "name": event.key,
        "summary": event.__doc__,
        "payload": _reference("components/schemas", event.__name__),
        "examples": [{"payload": example_of(event).model_dump(mode="json")}],
    }


def _public_messages() -> Document:
    return {
        versioned(event_type): {"name": event_type, "payload": {"$ref": f"./schemas/{versioned(event_type)}.json"}}
        for event_type in EVENT_TYPES
    }


def _reference(place: str, name: str) -> Document:
    return {"$ref": f"#/{place}/{name}"}


def check_events(committed: Document) -> None:
    """Raises Incompatible when an event of a committed document is gone or broken."""
    check_all(_schemas_by_key(committed), _schemas_by_key(document()))
    for message in _messages(committed, "./schemas/"):
        if not (FILE.parent / message["payload"]["$ref"]).exists():
            raise Incompatible(f"{message['payload']['$ref']} is gone: nothing tells whether it is broken")


def _schemas_by_key(described: Document) -> Document:
    definitions = {"$defs": described["components"]["schemas"]}
    return {
        message["name"]: {**definitions, **message["payload"]}
        for message in _messages(described, "#/components/schemas/")
    }


def _messages(described: Document, place: str) -> list[Document]:
    """Return the messages whose payload is described in a place."""
    messages = described["components"]["messages"].values()
    return [message for message in messages if message["payload"]["$ref"].startswith(place)]


def main() -> None:
    if FILE.exists():
        check_events(json.loads(FILE.read_text(encoding="utf-8")))
    FILE.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
