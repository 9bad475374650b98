"""Accepting calls: everything is checked here, nothing is waited for."""

import hashlib
import secrets

import structlog

from parley_api.auth import Caller
from parley_api.calls.schemas import CallBody
from parley_api.errors import ApiError, invalid
from parley_api.services import Services
from parley_common.assistants import Assistant
from parley_common.calls import AssistantSnapshot, Call, Voice
from parley_common.clock import now
from parley_common.errors import AlreadyExists
from parley_common.events import CallRequested
from parley_common.ids import AssistantId, CallId, TrunkId, new_call_id
from parley_common.placeholders import Filler
from parley_common.telemetry import current_trace
from parley_common.trunks import Trunk

log = structlog.get_logger()

MAX_KEY_LENGTH = 255


async def request_call(services: Services, caller: Caller, body: CallBody, idempotency_key: str | None) -> Call:
    """Store a call and its CallRequested in one write; it goes out when RabbitMQ takes it."""
    assistant, trunk = await _participants(services, caller, body)
    call = _compose(services, caller, body, assistant, trunk)
    if idempotency_key is not None:
        call = await _under_key(services, caller, body, call, idempotency_key)
    try:
        await services.calls.insert(call, CallRequested)
    except AlreadyExists:
        return await services.calls.get(call.call_id)
    services.relay.flush_soon(call.call_id)
    log.info("call accepted", call_id=call.call_id)
    return call


async def get(services: Services, caller: Caller, call_id: str) -> Call:
    call = await services.calls.find(caller.owner, CallId(call_id))
    if call is None:
        raise ApiError(404, "Call not found")
    return call


async def _participants(services: Services, caller: Caller, body: CallBody) -> tuple[Assistant, Trunk]:
    assistant = await services.assistants.find(caller.owner, AssistantId(body.assistant_id))
    if assistant is None:
        raise ApiError(404, "Assistant not found")
    trunk = await services.trunks.find(caller.owner, TrunkId(body.trunk_id))
    if trunk is None:
        raise ApiError(404, "Trunk not found")
    if trunk.trunk_type != body.call_service:
        raise invalid("call_service", "must be the type of the trunk")
    return assistant, trunk


async def _under_key(services: Services, caller: Caller, body: CallBody, call: Call, key: str) -> Call:
    """Give the call the id that the key's first request chose; a second insert then finds it there."""
    if not 0 < len(key) <= MAX_KEY_LENGTH:
        raise invalid("Idempotency-Key", f"must have 1 to {MAX_KEY_LENGTH} characters")
    digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    claim = await services.idempotency.claim(caller.owner, key, digest, call.call_id)
    if claim.body != digest:
        raise ApiError(409, "Idempotency-Key was used for another request")
    room_name = _room_name(call.assistant_id, claim.call_id)
    return call.model_copy(update={"call_id": claim.call_id, "room_name": room_name})


def _compose(services: Services, caller: Caller, body: CallBody, assistant: Assistant, trunk: Trunk) -> Call:
    filler = Filler({**(body.metadata or {}), "to_number": body.to_number})
    snapshot = _snapshot(assistant, filler)
    if filler.unresolved and services.settings.require_placeholders:
        raise invalid("metadata", f"must fill the placeholders {', '.join(filler.unresolved)}")
    moment, call_id = now(), new_call_id()
    expires_at = moment + services.settings.times.queue_lifetime
    return Call(
        call_id=call_id,
        owner_id=caller.owner,
        room_name=_room_name(assistant.assistant_id, call_id),
        to_number=body.to_number,
        from_number=secrets.choice(trunk.trunk_numbers),
        trunk_id=trunk.trunk_id,
        call_service=body.call_service,
        metadata=body.metadata,
        unresolved_placeholders=filler.unresolved,
        assistant=snapshot,
        trace=current_trace(),
        queued_at=moment,
        due_at=moment,
        expires_at=expires_at,
        deadline_at=expires_at,
    )


def _snapshot(assistant: Assistant, filler: Filler) -> AssistantSnapshot:
    instruction = assistant.assistant_start_instruction
    conversation = assistant.assistant_conversation
    return AssistantSnapshot(
        assistant_id=assistant.assistant_id,
        assistant_name=assistant.assistant_name,
        prompt=filler.fill(assistant.assistant_prompt),
        start_instruction=filler.fill(instruction) if instruction else None,
        end_call_url=assistant.assistant_end_call_url,
        voice=Voice(
            tts_model=assistant.assistant_tts_model,
            voice_id=assistant.assistant_tts_voice_id,
            speaker=assistant.assistant_tts_speaker,
            speed=conversation.voice_speed,
        ),
        language=conversation.language,
        model=conversation.model,
        limits=assistant.assistant_limits,
        recording_enabled=assistant.assistant_recording.enabled,
    )


def _room_name(assistant_id: AssistantId, call_id: CallId) -> str:
    return f"{assistant_id}_{call_id.removeprefix('call_')}"
