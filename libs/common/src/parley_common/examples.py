"""An example of every event, for the documentation; every value in it is invented."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from parley_common.analyses import Analysis, AnalysisFailure, Findings
from parley_common.assistants import AnalysisPlan, AssistantSnapshot, Question, Voice
from parley_common.calls import Attempt, Call, Speaker, Utterance
from parley_common.events import (
    AgentLost,
    AnalysisFailed,
    CallAttemptFailed,
    EgressEnded,
    Event,
    ParticipantLeft,
    RecordingFailed,
    RecordingReady,
    TranscriptChunk,
)
from parley_common.ids import AssistantId, AttemptId, CallId, OwnerId, TrunkId
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.recordings import Recording, RecordingStatus

ANSWERED = datetime(2026, 3, 20, 10, 0, tzinfo=UTC)
ENDED = ANSWERED + timedelta(minutes=5)
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
        analysis=AnalysisPlan(
            enabled=True,
            goal="The customer knows when the order arrives.",
            questions=[
                Question(name="order_number", question="Which order was it about?"),
                Question(name="wants_callback", question="Does the customer want to be called again?", type="boolean"),
            ],
        ),
    ),
    metadata={"name": "John"},
    status=CallStatus.COMPLETED,
    end_reason=EndReason.CALLEE_HANGUP,
    sip_status_code=200,
    answered_by="human",
    version=7,
    queued_at=ANSWERED - timedelta(seconds=10),
    due_at=ANSWERED - timedelta(seconds=10),
    expires_at=ANSWERED + timedelta(hours=1),
    deadline_at=ANSWERED + timedelta(hours=1),
    answered_at=ANSWERED,
    ended_at=ENDED,
    attempts=[
        Attempt(
            attempt_id=AttemptId("callee_0123456789abcdef01234567"),
            dialed_at=ANSWERED - timedelta(seconds=8),
            ringing_at=ANSWERED - timedelta(seconds=6),
            answered_at=ANSWERED,
            ended_at=ENDED,
            sip_status_code=200,
        )
    ],
    transcript=[
        Utterance(
            item_id="item_1",
            speaker=Speaker.AGENT,
            text="Hello John, how can I help?",
            spoken_at=ANSWERED + timedelta(seconds=1),
        ),
        Utterance(
            item_id="item_2",
            speaker=Speaker.USER,
            text="I need help with my order.",
            spoken_at=ANSWERED + timedelta(seconds=5),
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
            "type": "analysis_usage",
            "provider": "openai",
            "model": "gpt-4.1-mini",
            "input_tokens": 402,
            "output_tokens": 41,
        },
        {
            "type": "tts_usage",
            "provider": "cartesia",
            "model": "sonic-3",
            "characters_count": 412,
            "audio_duration": 27.36,
        },
    ],
    analysis=Analysis(
        requested_at=ENDED,
        findings=Findings(
            summary="John asked for help with an order, and was told when it arrives.",
            successful=True,
            answers={"order_number": None, "wants_callback": False},
        ),
    ),
    latency={
        "answer_to_greeting": 0.231,
        "turns": [{"e2e_latency": 0.744, "llm_node_ttft": 0.31, "tts_node_ttfb": 0.118}],
        "reply_p50": 0.744,
        "reply_p95": 0.744,
        "reply_p99": 0.744,
    },
)

_DETAILS: Mapping[type[Event], dict[str, Any]] = {
    TranscriptChunk: CALL.transcript[0].model_dump(),
    CallAttemptFailed: {
        "attempt": 1,
        "reason": EndReason.BUSY,
        "sip_status_code": 486,
        "due_at": ANSWERED + timedelta(minutes=10),
    },
    RecordingReady: {"path": _PATH, "size_bytes": 1_310_720, "duration_seconds": 300.0},
    RecordingFailed: {"error": "egress_failed"},
    AnalysisFailed: {"error": AnalysisFailure.PROVIDER_UNAVAILABLE},
    AgentLost: {"lost_identity": "agent-AJ_0123456789ab"},
    ParticipantLeft: {
        "identity": CALL.attempts[0].attempt_id,
        "kind": "sip",
        "reason": "client_initiated",
        "answered": True,
    },
    EgressEnded: {
        "egress_id": "EG_0123456789ab",
        "egress_status": "egress_complete",
        "error": None,
        "filename": f"recordings/{_CALL_ID}.ogg",
        "size_bytes": 1_310_720,
        "duration_seconds": 300.0,
        "started_at": ANSWERED - timedelta(seconds=9),
    },
}


def example_of(event: type[Event]) -> Event:
    """Make an event as it would tell of the example's call."""
    return event.of(CALL, **{"occurred_at": ANSWERED, **_DETAILS.get(event, {})})
