"""What happens to a call, told in the order of its life. One class, one routing key, one version each."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, computed_field

from parley_common import ids
from parley_common.calls import Call, Speaker
from parley_common.clock import now
from parley_common.ids import AssistantId, CallId, EventId, OwnerId, TrunkId
from parley_common.lifecycle import CallStatus, EndReason

CATALOGUE: dict[str, type["Event"]] = {}
"""Every event class by its routing key."""

PUBLIC: dict[str, type["Event"]] = {}
"""What customers may hear, by its name: the `event_type` of webhooks."""


class Event(BaseModel):
    """The envelope: `event_id` is the same on every publication, `seq` grows within a call."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore", from_attributes=True)
    key: ClassVar[str]

    event_id: EventId
    call_id: CallId
    owner_id: OwnerId
    seq: int
    occurred_at: AwareDatetime

    def __init_subclass__(cls, *, key: str, public: bool = False, **options: Any) -> None:
        if key in CATALOGUE:
            raise TypeError(f"routing key {key!r} is taken by {CATALOGUE[key].__name__}")
        cls.key = key
        CATALOGUE[key] = cls
        if public:
            PUBLIC[cls.name()] = cls
        super().__init_subclass__(**options)

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own idiom; mypy cannot see through it
    @property
    def type(self) -> str:
        return self.key

    @classmethod
    def name(cls) -> str:
        """Return the routing key without its version; later versions than the first keep theirs."""
        return cls.key.removesuffix(".v1")

    @classmethod
    def of(cls, call: Call, **details: object) -> Self:
        """Tell the latest write of `call`; fields of the same name come from the call itself."""
        own: Mapping[str, Any] = {
            name: getattr(call, name)
            for name in cls.model_fields
            if name not in Event.model_fields and hasattr(call, name)
        }
        envelope = {
            "event_id": ids.event_id(call.call_id, call.version, cls.key.rpartition(".")[2]),
            "call_id": call.call_id,
            "owner_id": call.owner_id,
            "seq": call.version,
            "occurred_at": now(),
        }
        return cls.model_validate({**own, **envelope, **details})


def versions_of(event: type[Event]) -> list[type[Event]]:
    """Return an event in all its versions: a write that says one says all."""
    fact = event.key.rpartition(".")[0]
    return [version for key, version in CATALOGUE.items() if key.rpartition(".")[0] == fact]


class CallRequested(Event, key="call.requested.v1", public=True):
    """A call was accepted and waits for its turn."""

    room_name: str
    assistant_id: AssistantId
    trunk_id: TrunkId
    to_number: str
    due_at: AwareDatetime


class AgentReady(Event, key="agent.ready.v1"):
    """The agent is in the room, its models are connected: the phone may ring."""

    room_name: str


class AgentLost(Event, key="agent.lost.v1"):
    """The agent of a call has died; its place is vacant."""

    room_name: str
    lost_identity: str


class AgentReplaced(Event, key="agent.replaced.v1"):
    """Another agent has taken up the call, with the conversation so far."""

    room_name: str


class CallRinging(Event, key="call.ringing.v1", public=True):
    """The callee's phone rings."""

    room_name: str


class CallAnswered(Event, key="call.answered.v1", public=True):
    """The callee picked up; the room is live."""

    room_name: str
    answered_at: AwareDatetime


class TranscriptChunk(Event, key="transcript.chunk.v1", public=True):
    """One turn of the conversation, as soon as it was spoken; `seq` counts the chunks of one agent."""

    item_id: str
    speaker: Speaker
    text: str
    spoken_at: AwareDatetime
    interrupted: bool = False


class CallAttemptFailed(Event, key="call.attempt_failed.v1", public=True):
    """An attempt reached nobody; the next one is due at `due_at`."""

    room_name: str
    trunk_id: TrunkId
    attempt: int
    reason: EndReason
    sip_status_code: int | None
    due_at: AwareDatetime


class CancelRequested(Event, key="call.cancel_requested.v1"):
    """The customer wants a phone that rings, or a conversation, to be hung up now."""

    room_name: str


class CallEnded(Event, key="call.ended.v1", public=True):
    """The call is over, answered or not; said exactly once for every accepted call."""

    room_name: str
    assistant_id: AssistantId
    to_number: str
    status: CallStatus
    end_reason: EndReason
    sip_status_code: int | None
    answered_at: AwareDatetime | None
    ended_at: AwareDatetime


class RecordingReady(Event, key="recording.ready.v1", public=True):
    """The recording was seen in the bucket."""

    path: str
    size_bytes: int
    duration_seconds: float


class RecordingFailed(Event, key="recording.failed.v1", public=True):
    """There will be no recording of this call."""

    error: str


class AnalysisRequested(Event, key="analysis.requested.v1"):
    """A conversation is over from which conclusions are to be drawn."""


class AnalysisReady(Event, key="analysis.ready.v1", public=True):
    """Conclusions were drawn from the conversation."""


class AnalysisFailed(Event, key="analysis.failed.v1", public=True):
    """There will be no analysis of this call."""

    error: str


class CallDeleted(Event, key="call.deleted.v1", public=True):
    """The data of a call is gone, at its owner's word: number, words, metadata, recording, reports."""

    room_name: str


class ParticipantLeft(Event, key="livekit.participant_left.v1"):
    """LiveKit saw somebody leave the room of a call."""

    room_name: str
    identity: str
    kind: str
    reason: str
    answered: bool = False
    """Of a phone: whether it had been picked up."""


class RoomReopened(Event, key="livekit.room_reopened.v1"):
    """LiveKit made a room for a call that is over or waits: somebody came late, and nobody is to be rung."""

    room_name: str


class RoomFinished(Event, key="livekit.room_finished.v1"):
    """LiveKit closed the room of a call."""

    room_name: str


class EgressEnded(Event, key="livekit.egress_ended.v1"):
    """LiveKit finished writing the recording of a call, or gave up."""

    egress_id: str
    egress_status: str
    error: str | None
    filename: str | None
    size_bytes: int | None
    duration_seconds: float | None
    started_at: AwareDatetime | None
