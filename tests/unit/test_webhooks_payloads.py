"""The report of a call, as the contract has it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley_common.assistants import AnalysisPlan
from parley_common.calls import Call, Speaker
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.recordings import Recording, RecordingStatus
from parley_webhooks.payloads import payload
from parley_webhooks.reports import CallReport
from tests import factories

ANSWERED_AT = datetime(2024, 3, 20, 10, 0, 0, 123_000, tzinfo=UTC)
ENDED_AT = ANSWERED_AT + timedelta(minutes=5)
PATH = "https://bucket.s3.us-east-1.amazonaws.com/recordings/call.ogg"

CONTRACT_KEYS = [
    "room_name",
    "assistant_id",
    "assistant_name",
    "to_number",
    "recording_path",
    "transcripts",
    "started_at",
    "ended_at",
    "call_duration_minutes",
]

ADDED_KEYS = {
    *("call_id", "call_status", "call_end_reason", "answered_by", "sip_status_code", "attempts", "answered_at"),
    *("queued_at", "ringing_seconds", "metadata", "recording_status", "usage", "latency", "analysis"),
    "analysis_status",
}


def answered(**overrides: Any) -> Call:
    said = [
        factories.utterance(text="Hello John, how can I help?", spoken_at=ANSWERED_AT + timedelta(seconds=1)),
        factories.utterance(item_id="item_2", speaker=Speaker.USER, text="My order.", spoken_at=ENDED_AT),
    ]
    fields: dict[str, Any] = {
        "status": CallStatus.COMPLETED,
        "end_reason": EndReason.CALLEE_HANGUP,
        "answered_at": ANSWERED_AT,
        "ended_at": ENDED_AT,
        "attempts": [
            factories.attempt(
                dialed_at=ANSWERED_AT - timedelta(seconds=9),
                ringing_at=ANSWERED_AT - timedelta(seconds=8),
                answered_at=ANSWERED_AT,
            )
        ],
        "transcript": said,
        "recording": Recording(status=RecordingStatus.READY, path=PATH),
    }
    return factories.call(**fields | overrides)


def body(call: Call, event_type: str = "call.ended") -> dict[str, Any]:
    written: dict[str, Any] = payload(call, event_type, ENDED_AT).model_dump(mode="json")
    return written


def test_report_opens_with_the_keys_of_the_contract() -> None:
    written = body(answered())
    assert list(written)[:2] == ["success", "message"]
    assert written["success"] is True
    assert written["message"] == "Call details fetched successfully"
    assert list(written["data"])[: len(CONTRACT_KEYS)] == CONTRACT_KEYS


def test_report_of_an_answered_call_tells_times_transcript_and_recording() -> None:
    data = body(answered())["data"]
    assert data["started_at"] == "2024-03-20T10:00:00.123Z"
    assert data["ended_at"] == "2024-03-20T10:05:00.123Z"
    assert data["call_duration_minutes"] == 5.0
    assert data["recording_path"] == PATH
    assert data["transcripts"] == [
        {"speaker": "agent", "text": "Hello John, how can I help?", "timestamp": "2024-03-20T10:00:01.123Z"},
        {"speaker": "user", "text": "My order.", "timestamp": "2024-03-20T10:05:00.123Z"},
    ]
    assert (data["call_status"], data["call_end_reason"], data["fault"]) == ("completed", "callee_hangup", "callee")
    assert data["ringing_seconds"] == 8.0


def test_report_has_every_key_that_was_promised_beside_them() -> None:
    assert set(body(answered())["data"]) >= ADDED_KEYS


def test_report_tells_of_no_analysis_and_no_link_unless_they_were_asked_for() -> None:
    data = body(answered())["data"]
    assert (data["analysis"], data["analysis_status"]) == (None, "none")
    assert (data["recording_url"], data["recording_url_expires_at"]) == (None, None)


def test_report_of_a_call_that_nobody_answered_promises_no_analysis() -> None:
    wanted = factories.assistant(analysis=AnalysisPlan(enabled=True))
    assert body(answered(assistant=wanted, answered_at=None))["data"]["analysis_status"] == "none"
    assert body(answered(assistant=wanted))["data"]["analysis_status"] == "processing"


def test_ringing_of_the_last_attempt_is_told_and_of_one_that_never_rang_is_null() -> None:
    rang = factories.attempt(ringing_at=ANSWERED_AT - timedelta(seconds=30), ended_at=ANSWERED_AT)
    assert body(answered(attempts=[factories.attempt(), rang]))["data"]["ringing_seconds"] == 30.0
    assert body(answered(attempts=[rang, factories.attempt()]))["data"]["ringing_seconds"] is None


def test_every_number_of_a_report_has_its_unit_in_the_documentation() -> None:
    described = CallReport.model_fields
    for name in ("call_duration_minutes", "ringing_seconds", "usage", "latency"):
        assert any(unit in str(described[name].description).lower() for unit in ("minutes", "seconds")), name


def test_duration_is_rounded_to_two_decimals_of_a_minute() -> None:
    data = body(answered(ended_at=ANSWERED_AT + timedelta(seconds=100)))["data"]
    assert data["call_duration_minutes"] == 1.67


def test_report_of_a_busy_call_has_no_start_and_no_duration() -> None:
    attempt = factories.attempt(reason=EndReason.BUSY, sip_status_code=486, ended_at=ENDED_AT)
    call = factories.call(
        status=CallStatus.BUSY,
        end_reason=EndReason.BUSY,
        ended_at=ENDED_AT,
        sip_status_code=486,
        attempts=[attempt],
        metadata={"order": 7},
        recording=Recording(status=RecordingStatus.RECORDING),
    )
    data = body(call)["data"]
    assert data["started_at"] is None
    assert data["call_duration_minutes"] == 0.0
    assert data["recording_path"] is None
    assert data["recording_status"] == "none"
    assert data["transcripts"] == []
    assert (data["call_status"], data["sip_status_code"]) == ("busy", 486)
    assert data["attempts"][0]["sip_status_code"] == 486
    assert data["ringing_seconds"] is None
    assert data["metadata"] == {"order": 7}


@pytest.mark.parametrize("status", [RecordingStatus.NONE, RecordingStatus.RECORDING, RecordingStatus.PROCESSING])
def test_recording_that_is_still_open_is_reported_as_processing(status: RecordingStatus) -> None:
    call = answered(recording=Recording(status=status))
    assert call.awaits_recording
    data = body(call)["data"]
    assert data["recording_status"] == "processing"
    assert data["recording_path"] is None


@pytest.mark.parametrize("status", [RecordingStatus.READY, RecordingStatus.FAILED])
def test_decided_recording_is_reported_as_it_is(status: RecordingStatus) -> None:
    call = answered(recording=Recording(status=status))
    assert not call.awaits_recording
    assert body(call)["data"]["recording_status"] == status


def test_call_without_recording_waits_for_none() -> None:
    call = answered(assistant=factories.assistant(recording_enabled=False), recording=Recording())
    assert not call.awaits_recording
    assert body(call)["data"]["recording_status"] == "none"


def test_late_recording_has_the_same_shape_and_says_what_it_is() -> None:
    written = body(answered(), "recording.ready")
    assert written["type"] == "recording.ready"
    assert written["message"] == "Call recording ready"
    assert written["data"] == body(answered())["data"] | {"call_id": written["data"]["call_id"]} | {
        key: written["data"][key] for key in ("room_name", "attempts", "queued_at")
    }
