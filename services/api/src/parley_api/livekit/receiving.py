"""Takes in LiveKit's webhooks: whether one is genuine, and what it means in our words."""

from datetime import UTC, datetime, timedelta

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from livekit import api

from parley_api.errors import ApiError
from parley_common.calls import Call
from parley_common.events import EgressEnded, Event, ParticipantLeft, RoomFinished, RoomReopened
from parley_common.ids import EventId
from parley_common.lifecycle import TERMINAL, WAITING
from parley_common.settings import LiveKitSettings

_KINDS = {api.ParticipantInfo.Kind.AGENT: "agent", api.ParticipantInfo.Kind.SIP: "sip"}
"""Who matters in the room of a call; recorders come and go without meaning anything."""

_PICKED_UP = {"active", "hangup"}
"""A phone that was not answered leaves as dialing or ringing."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class LiveKitReceiver:
    """Checks signatures with the API key that LiveKit signs with."""

    def __init__(self, settings: LiveKitSettings) -> None:
        secret = settings.livekit_api_secret.get_secret_value()
        self._receiver = api.WebhookReceiver(api.TokenVerifier(settings.livekit_api_key, secret))

    def read(self, body: bytes, authorization: str | None) -> api.WebhookEvent:
        """Raises a 401 when the body was not signed by LiveKit."""
        try:
            return self._receiver.receive(body.decode(), authorization or "")
        except Exception as error:  # the library raises bare exceptions
            raise ApiError(401, "Invalid webhook signature", headers={"WWW-Authenticate": "Bearer"}) from error


def room_of(event: api.WebhookEvent) -> str:
    return event.egress_info.room_name or event.room.name


def translate(event: api.WebhookEvent, call: Call) -> Event | None:
    """Say it in our words; None for what nobody here wants to know."""
    match event.event:
        case "participant_left" if event.participant.kind in _KINDS:
            return ParticipantLeft.of(
                call,
                **_envelope(event),
                identity=event.participant.identity,
                kind=_KINDS[event.participant.kind],
                reason=_name(api.DisconnectReason, event.participant.disconnect_reason),
                answered=event.participant.attributes.get("sip.callStatus") in _PICKED_UP,
            )
        case "room_started" if call.status in TERMINAL | WAITING:
            return RoomReopened.of(call, **_envelope(event))
        case "room_finished":
            return RoomFinished.of(call, **_envelope(event))
        case "egress_ended":
            return _egress_ended(event, call)
        case _:
            return None


def _egress_ended(event: api.WebhookEvent, call: Call) -> EgressEnded:
    egress = event.egress_info
    file = egress.file_results[0] if egress.file_results else None
    return EgressEnded.of(
        call,
        **_envelope(event),
        egress_id=egress.egress_id,
        egress_status=_name(api.EgressStatus, egress.status),
        error=egress.error or None,
        filename=file.filename if file else None,
        size_bytes=file.size if file else None,
        duration_seconds=_nanoseconds(file.duration).total_seconds() if file else None,
        started_at=_EPOCH + _nanoseconds(file.started_at) if file and file.started_at else None,
    )


def _envelope(event: api.WebhookEvent) -> dict[str, object]:
    """LiveKit repeats an event under its own id, and so do we; `seq` counts our writes, of which this is none."""
    return {"event_id": EventId(event.id), "seq": 0, "occurred_at": _EPOCH + timedelta(seconds=event.created_at)}


def _name(enum: EnumTypeWrapper, value: int) -> str:
    """Name a value, also one that a newer server has and this library does not."""
    found = enum.DESCRIPTOR.values_by_number.get(value)
    return found.name.lower() if found else f"unknown_{value}"


def _nanoseconds(count: int) -> timedelta:
    return timedelta(microseconds=count / 1000)
