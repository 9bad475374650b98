"""What a 422 says of a field: in words, never a pattern, never the value."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from parley_api.assistants.schemas import AssistantBody
from parley_api.assistants.speakers import SARVAM_SPEAKERS
from parley_api.calls.schemas import CallBody
from parley_api.errors import field_errors
from parley_api.keys.schemas import CreateKey
from parley_api.trunks.schemas import TrunkBody
from tests.support.front import ASSISTANT, TRUNK

CALL = {"assistant_id": "asst_1", "trunk_id": "ST_1", "to_number": "+15550000200", "call_service": "twilio"}
KEY = {"user_name": "Ada", "user_email": "ada@example.com"}
SARVAM = {"assistant_tts_model": "sarvam", "assistant_tts_voice_id": None}
E164 = "must be E.164: + and 2 to 15 digits, e.g. +15550000000"


def reasons(model: type[BaseModel], body: object) -> dict[str, str]:
    try:
        model.model_validate(body)
    except ValidationError as error:
        return {one.field: one.reason for one in field_errors(error.errors()).errors}
    return {}


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    "number", ["15550000000", "+0155", "+1", "+1234567890123456", "+1 555", "+1555\n", "+\u0661\u0662\u0663", ""]
)
def test_number_that_is_not_e164_is_refused_with_an_example(number: str) -> None:
    assert reasons(CallBody, CALL | {"to_number": number}) == {"to_number": E164}
    assert reasons(TrunkBody, TRUNK | {"trunk_numbers": ["+15550001111", number]}) == {"trunk_numbers.1": E164}


def test_message_for_a_mailbox_is_required_where_one_is_left() -> None:
    silent = {"assistant_voicemail": {"behaviour": "leave_message"}}
    assert reasons(AssistantBody, ASSISTANT | silent) == {
        "assistant_voicemail.message": "required when behaviour is leave_message"
    }


def test_call_is_transferred_to_a_number_of_the_world_only() -> None:
    local = {"assistant_tools": {"transfer": {"to_number": "5550000000"}}}
    assert reasons(AssistantBody, ASSISTANT | local) == {
        "assistant_tools.transfer.to_number": "must be E.164: + and 2 to 15 digits, e.g. +15550000000"
    }


@pytest.mark.parametrize("number", ["+12", "+15550000000", "+123456789012345"])
def test_number_of_any_country_is_taken(number: str) -> None:
    assert reasons(CallBody, CALL | {"to_number": number}) == {}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("assistant_name", None, "must be text"),
        ("assistant_name", "", "must have 1 or more characters"),
        ("assistant_name", "x" * 101, "must have 100 or fewer characters"),
        ("assistant_name", "\ud800", "must be text without broken Unicode"),
        ("assistant_description", "\ud800", "must be text without broken Unicode"),
        ("assistant_prompt", "", "must have 1 or more characters"),
        ("assistant_tts_model", "polly", "must be 'cartesia' or 'sarvam'"),
        ("assistant_tts_voice_id", None, "required when assistant_tts_model is cartesia"),
        ("assistant_tts_voice_id", "", "required when assistant_tts_model is cartesia"),
        ("assistant_tts_speaker", "shubh", "not allowed when assistant_tts_model is cartesia"),
        ("assistant_start_instruction", "x" * 201, "must have 200 or fewer characters"),
        ("assistant_end_call_url", "https://example.com/" + "x" * 181, "must have 200 or fewer characters"),
        ("assistant_limits", None, "must be an object"),
        ("assistant_limits.ringing_timeout_seconds", 76, "must be 75 or less"),
        ("assistant_limits.ringing_timeout_seconds", 4, "must be 5 or more"),
        ("assistant_limits.silence_timeout_seconds", "soon", "must be a whole number"),
        ("assistant_limits.silence_timeout_seconds", 5.5, "must be a whole number"),
        ("assistant_limits.max_minutes", 5, "no such field"),
        ("assistant_conversation.language", "english", "must be two small letters of ISO 639-1, e.g. en"),
        ("assistant_conversation.voice_speed", "fast", "must be a number"),
        ("assistant_conversation.voice_speed", float("nan"), "must be 2.0 or less"),
        ("assistant_voicemail.behaviour", "sing", "must be 'hang_up', 'leave_message' or 'continue'"),
        ("assistant_voicemail.message", "x" * 1001, "must have 1000 or fewer characters"),
        ("assistant_tools.transfer", "+15550000000", "must be an object"),
        ("assistant_recording.enabled", "perhaps", "must be true or false"),
    ],
)
def test_reason_of_an_assistants_field(field: str, value: object, reason: str) -> None:
    outer, _, inner = field.partition(".")
    assert reasons(AssistantBody, ASSISTANT | {outer: {inner: value} if inner else value}) == {field: reason}


@pytest.mark.parametrize("speaker", [None, "", "meera", "Shubh"])
def test_speaker_that_sarvam_does_not_have_is_refused_with_those_it_has(speaker: str | None) -> None:
    told = reasons(AssistantBody, ASSISTANT | SARVAM | {"assistant_tts_speaker": speaker})
    assert told == {"assistant_tts_speaker": f"must be a speaker of bulbul:v3: {', '.join(SARVAM_SPEAKERS)}"}


def test_cartesia_voice_is_refused_for_sarvam() -> None:
    told = reasons(
        AssistantBody, ASSISTANT | SARVAM | {"assistant_tts_voice_id": "v", "assistant_tts_speaker": "shubh"}
    )
    assert told == {"assistant_tts_voice_id": "not allowed when assistant_tts_model is sarvam"}


@pytest.mark.parametrize(
    "address",
    ["sip:carrier.example.com", "a/b", "a:0", "a:65536", "...", "a..b", "-a", "a:b", "[1.2]", "::1", "a b", "user@a"],
)
def test_trunk_address_is_a_host_with_or_without_a_port(address: str) -> None:
    reason = "must be a host or host:port without a scheme, e.g. sip.example.com:5060"
    assert reasons(TrunkBody, TRUNK | {"trunk_address": address}) == {"trunk_address": reason}


@pytest.mark.parametrize("address", ["carrier", "sip.example.com", "192.0.2.1:5061", "[2001:db8::1]:5060", "a:65535"])
def test_good_trunk_address_is_taken(address: str) -> None:
    assert reasons(TrunkBody, TRUNK | {"trunk_address": address}) == {}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ([], "must be an object"),
        ({"to_number": "+1555"}, "must not contain to_number: that is the number called"),
        ({"a": "x" * 16_400}, "must be at most 16 KB of JSON"),
        ({"a": "é" * 8_200}, "must be at most 16 KB of JSON"),
        (nested(21), "must not be nested more than 20 deep"),
        ({"a": [2**63]}, "must not contain whole numbers of more than 64 bits: send them as text"),
        ({"a": float("inf")}, "must not contain NaN or Infinity"),
        ({"a": {"b": "\ud800"}}, "must not contain broken Unicode"),
        ({"$set": 1}, "must not have keys that begin with $ or contain NUL or broken Unicode"),
        ({"a": [{"b\0": 1}]}, "must not have keys that begin with $ or contain NUL or broken Unicode"),
    ],
)
def test_reason_of_metadata(metadata: object, reason: str) -> None:
    assert reasons(CallBody, CALL | {"metadata": metadata}) == {"metadata": reason}


@pytest.mark.parametrize(
    "metadata", [None, {}, nested(19), {"a": "x" * 16_370}, {"a": [1, -(2**63), 1.5, None, "AT&T"]}]
)
def test_metadata_within_the_limits_is_taken(metadata: object) -> None:
    assert reasons(CallBody, CALL | {"metadata": metadata}) == {}


@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_body_that_is_no_object_is_named_as_such(body: object) -> None:
    assert reasons(CreateKey, body) in (
        {"body": "must be an object"},
        {"body": "must be an object"},
    )


def test_every_missing_field_is_named() -> None:
    assert reasons(TrunkBody, {}) == dict.fromkeys(TRUNK, "required")
    assert reasons(CreateKey, KEY | {"user_email": "nobody"}) == {"user_email": "must be an e-mail address"}
    assert reasons(TrunkBody, TRUNK | {"trunk_numbers": []}) == {"trunk_numbers": "must have 1 or more items"}
    assert reasons(TrunkBody, TRUNK | {"trunk_numbers": "+1555"}) == {"trunk_numbers": "must be a list"}
