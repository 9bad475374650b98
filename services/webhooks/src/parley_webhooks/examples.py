"""An example of every public event, for the documentation and for the test that an owner can ask for.

`python -m parley_webhooks.examples` writes docs/webhook-events.md.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from parley_common.calls import AssistantSnapshot, Attempt, Call, Recording, RecordingStatus, Speaker, Utterance, Voice
from parley_common.db.deliveries import REPORT
from parley_common.endpoints import EVENT_TYPES, DisabledReason, EndpointHealth, Notice
from parley_common.events import (
    PUBLIC,
    CallAnswered,
    CallAttemptFailed,
    CallDeleted,
    CallEnded,
    CallRequested,
    CallRinging,
    Event,
    RecordingFailed,
    RecordingReady,
    TranscriptChunk,
)
from parley_common.ids import AssistantId, AttemptId, CallId, EndpointId, OwnerId, TrunkId
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.s3 import Link
from parley_webhooks.payloads import event_payload, notice_payload, payload
from parley_webhooks.reports import CallReport

PAGE = Path(__file__).parents[4] / "docs/webhook-events.md"

_ANSWERED = datetime(2026, 3, 20, 10, 0, tzinfo=UTC)
_ENDED = _ANSWERED + timedelta(minutes=5)
_CALL_ID = CallId("call_0123456789abcdef01234567")
_ASSISTANT_ID = AssistantId("asst_0123456789abcdef01234567")
_TRUNK_ID = TrunkId("ST_0123456789ab")
_ROOM = f"{_ASSISTANT_ID}_89abcdef0123"
_NUMBER = "+15550000000"
_PATH = f"https://recordings.s3.us-east-1.amazonaws.com/{_ROOM}.ogg"

CALL = Call(
    call_id=_CALL_ID,
    owner_id=OwnerId("own_0123456789abcdef01234567"),
    room_name=_ROOM,
    to_number=_NUMBER,
    trunk_id=_TRUNK_ID,
    call_service="twilio",
    assistant=AssistantSnapshot(
        assistant_id=_ASSISTANT_ID,
        assistant_name="Support Agent",
        prompt="",
        voice=Voice(tts_model="cartesia", voice_id="f786b574-daa5-4673-aa0c-cbe3e8534c02"),
    ),
    metadata={"name": "John"},
    status=CallStatus.COMPLETED,
    end_reason=EndReason.CALLEE_HANGUP,
    sip_status_code=200,
    version=7,
    queued_at=_ANSWERED - timedelta(seconds=10),
    due_at=_ANSWERED - timedelta(seconds=10),
    expires_at=_ANSWERED + timedelta(hours=1),
    deadline_at=_ANSWERED + timedelta(hours=1),
    answered_at=_ANSWERED,
    ended_at=_ENDED,
    attempts=[
        Attempt(
            attempt_id=AttemptId("callee_0123456789abcdef01234567"),
            dialed_at=_ANSWERED - timedelta(seconds=8),
            ringing_at=_ANSWERED - timedelta(seconds=6),
            answered_at=_ANSWERED,
            ended_at=_ENDED,
            sip_status_code=200,
        )
    ],
    transcript=[
        Utterance(
            item_id="item_1",
            speaker=Speaker.AGENT,
            text="Hello John, how can I help?",
            spoken_at=_ANSWERED + timedelta(seconds=1),
        ),
        Utterance(
            item_id="item_2",
            speaker=Speaker.USER,
            text="I need help with my order.",
            spoken_at=_ANSWERED + timedelta(seconds=5),
        ),
    ],
    recording=Recording(status=RecordingStatus.READY, path=_PATH),
    usage=[
        {
            "type": "llm_usage",
            "provider": "openai",
            "model": "gpt-realtime",
            "input_tokens": 1840,
            "input_audio_tokens": 1210,
            "output_tokens": 96,
        },
        {
            "type": "tts_usage",
            "provider": "cartesia",
            "model": "sonic-3",
            "characters_count": 412,
            "audio_duration": 27.36,
        },
    ],
    latency={
        "answer_to_greeting": 0.231,
        "turns": [{"e2e_latency": 0.744, "llm_node_ttft": 0.31, "tts_node_ttfb": 0.118}],
        "reply_p50": 0.744,
        "reply_p95": 0.744,
        "reply_p99": 0.744,
    },
)
_LINK = Link(f"{_PATH}?X-Amz-Expires=86400&X-Amz-Signature=...", _ENDED + timedelta(hours=24))

_DETAILS: Mapping[type[Event], dict[str, Any]] = {
    CallRequested: {},
    CallRinging: {},
    CallAnswered: {},
    TranscriptChunk: CALL.transcript[0].model_dump(),
    CallAttemptFailed: {
        "attempt": 1,
        "reason": EndReason.BUSY,
        "sip_status_code": 486,
        "due_at": _ANSWERED + timedelta(minutes=10),
    },
    CallEnded: {},
    RecordingReady: {"path": _PATH, "size_bytes": 1_310_720, "duration_seconds": 300.0},
    RecordingFailed: {"error": "egress_failed"},
    CallDeleted: {},
}
_TOLD_BY_THE_CALL = {CallEnded, RecordingReady, RecordingFailed}
_HEALTH = EndpointHealth(
    endpoint_id=EndpointId("ep_0123456789abcdef01234567"),
    owner_id=CALL.owner_id,
    failures=41,
    failing_since=_ANSWERED - timedelta(days=1),
)
_NOTICES: Mapping[Notice, dict[str, Any]] = {
    Notice.FAILING: {},
    Notice.DISABLED: {"disabled_at": _ENDED, "disabled_reason": DisabledReason.FAILING},
}


def example_payload(event_type: str) -> BaseModel:
    """Make the body that an event of this type has; every value in it is invented."""
    if event_type in PUBLIC:
        return _of_event(PUBLIC[event_type])
    notice = Notice(event_type)
    return notice_payload(notice, _HEALTH.model_copy(update=_NOTICES[notice]), _ENDED)


def _of_event(event: type[Event]) -> BaseModel:
    if event in _TOLD_BY_THE_CALL:
        return payload(CALL, event.name(), _ENDED, _LINK)
    return event_payload(event.of(CALL, **{"occurred_at": _ANSWERED, **_DETAILS[event]}))


def page() -> str:
    """Show every event type with its example."""
    parts = [
        "# Webhook events",
        "",
        "Generated by `python -m parley_webhooks.examples`. What an endpoint gets, by its `type`; how to ask for it",
        "and how to trust it: [webhooks.md](webhooks.md). New keys may be added at any time, none is taken away.",
    ]
    for event_type in EVENT_TYPES:
        example = json.dumps(example_payload(event_type).model_dump(mode="json"), indent=2, ensure_ascii=False)
        parts += ["", f"## `{event_type}`", "", _ABOUT[event_type], "", "```json", example, "```"]
        parts += _report_fields() if event_type == REPORT else []
    return "\n".join(parts) + "\n"


def _report_fields() -> list[str]:
    """Explain the keys of a report whose names do not."""
    head = ["", "| key of `data` | meaning |", "|---|---|"]
    rows = [
        f"| `{name}` | {field.description} |" for name, field in CallReport.model_fields.items() if field.description
    ]
    return head + rows


_ABOUT: Mapping[str, str] = {
    **{name: event.__doc__ or "" for name, event in PUBLIC.items()},
    Notice.FAILING: "One of your endpoints has accepted nothing for a day; told to the others, once a day.",
    Notice.DISABLED: "One of your endpoints was switched off; told to the others.",
}

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
