"""Takes in LiveKit's webhooks: whether one is genuine, and what it means in our words."""

from datetime import UTC, datetime

from livekit import api

from parley_api.errors import ApiError
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.events import EgressEnded, Event, ParticipantLeft, RoomFinished
from parley_common.ids import EventId
from parley_common.settings import LiveKitSettings

_NANOSECONDS = 1e9


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
        case "participant_left":
            return ParticipantLeft.of(
                call,
                event_id=_event_id(event),
                seq=0,
                identity=event.participant.identity,
                kind=api.ParticipantInfo.Kind.Name(event.participant.kind).lower(),
                reason=api.DisconnectReason.Name(event.participant.disconnect_reason).lower(),
            )
        case "room_finished":
            return RoomFinished.of(call, event_id=_event_id(event), seq=0)
        case "egress_ended":
            return _egress_ended(event, call)
        case _:
            return None


def _egress_ended(event: api.WebhookEvent, call: Call) -> EgressEnded:
    egress = event.egress_info
    file = egress.file_results[0] if egress.file_results else None
    return EgressEnded.of(
        call,
        event_id=_event_id(event),
        seq=0,
        occurred_at=now(),
        egress_id=egress.egress_id,
        egress_status=api.EgressStatus.Name(egress.status),
        error=egress.error or None,
        filename=file.filename if file else None,
        size_bytes=file.size if file else None,
        duration_seconds=file.duration / _NANOSECONDS if file else None,
        started_at=datetime.fromtimestamp(file.started_at / _NANOSECONDS, UTC) if file else None,
    )


def _event_id(event: api.WebhookEvent) -> EventId:
    return EventId(event.id)
