"""A valid one of everything, with keyword overrides."""

from datetime import timedelta
from typing import Any

from parley_common.assistants import AssistantSnapshot, Voice
from parley_common.calls import Attempt, Call, Speaker, Utterance
from parley_common.clock import now
from parley_common.ids import AssistantId, OwnerId, TrunkId, new_attempt_id, new_call_id


def assistant(**overrides: Any) -> AssistantSnapshot:
    fields: dict[str, Any] = {
        "assistant_id": AssistantId("asst_0123456789abcdef01234567"),
        "assistant_name": "Support Agent",
        "prompt": "You help customers with their orders.",
        "start_instruction": 'Say "Hello John, how can I help?"',
        "end_call_url": "http://127.0.0.1:9/reports",
        "voice": Voice(tts_model="cartesia", voice_id="f786b574-daa5-4673-aa0c-cbe3e8534c02"),
    }
    return AssistantSnapshot(**fields | overrides)


def call(**overrides: Any) -> Call:
    moment = now()
    call_id = new_call_id()
    fields: dict[str, Any] = {
        "call_id": call_id,
        "owner_id": OwnerId("own_0123456789abcdef01234567"),
        "room_name": f"asst_0123456789abcdef01234567_{call_id[-12:]}",
        "to_number": "+15550000200",
        "trunk_id": TrunkId("ST_test"),
        "call_service": "twilio",
        "assistant": assistant(),
        "queued_at": moment,
        "due_at": moment,
        "expires_at": moment + timedelta(hours=1),
        "deadline_at": moment + timedelta(hours=1),
    }
    return Call(**fields | overrides)


def attempt(**overrides: Any) -> Attempt:
    return Attempt(**{"attempt_id": new_attempt_id(), "dialed_at": now()} | overrides)


def utterance(**overrides: Any) -> Utterance:
    fields = {"item_id": "item_1", "speaker": Speaker.AGENT, "text": "Hello John.", "spoken_at": now()}
    return Utterance(**fields | overrides)
