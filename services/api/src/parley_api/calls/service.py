"""Accepting calls: everything is checked here, nothing is waited for."""

import asyncio
import json
import secrets
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from parley_api.auth import Caller
from parley_api.calls.schemas import CallBody
from parley_api.errors import ApiError, invalid
from parley_api.services import Services
from parley_common.assistants import AnalysisPlan, Assistant, AssistantSnapshot, Voice
from parley_common.calls import Call
from parley_common.clock import now, whole_milliseconds
from parley_common.crypto import fingerprint
from parley_common.db.idempotency import Acceptance, IdempotencyKey
from parley_common.errors import AlreadyExists
from parley_common.events import CallRequested
from parley_common.ids import AssistantId, CallId, TrunkId, new_call_id
from parley_common.lifecycle import CallStatus
from parley_common.placeholders import Filler
from parley_common.telemetry import current_trace
from parley_common.trunks import Trunk

log = structlog.get_logger()

MAX_KEY_LENGTH = 255
LATEST_START = timedelta(days=60)


async def request_call(services: Services, caller: Caller, body: CallBody, idempotency_key: str | None) -> Acceptance:
    """Store a call and its CallRequested in one write; it goes out when RabbitMQ takes it.

    Under an Idempotency-Key all requests agree on one call and one answer, and the database lets one of them insert it.
    """
    key = _key(body, idempotency_key) if idempotency_key is not None else None
    earlier = await _earlier(services, caller, key) if key is not None else None
    if earlier is not None:
        return earlier
    assistant, trunk = await _participants(services, caller, body)
    call = _compose(services, caller, body, assistant, trunk)
    acceptance = Acceptance.of(call)
    if key is not None:
        acceptance = await services.idempotency.claim(caller.owner, key, acceptance)
        call = call.model_copy(update=dict(acceptance))
    with suppress(AlreadyExists):
        requested = await services.calls.insert(call, CallRequested)
        services.relay.publish_soon(requested)
        log.info("call accepted", call_id=call.call_id)
    return acceptance


async def get(services: Services, caller: Caller, call_id: str) -> Call:
    call = await services.calls.find(caller.owner, CallId(call_id))
    if call is None:
        raise ApiError(404, "Call not found")
    return call


async def _participants(services: Services, caller: Caller, body: CallBody) -> tuple[Assistant, Trunk]:
    assistant, trunk = await asyncio.gather(
        services.assistants.find(caller.owner, AssistantId(body.assistant_id)),
        services.trunks.find(caller.owner, TrunkId(body.trunk_id)),
    )
    if assistant is None:
        raise ApiError(404, "Assistant not found")
    if trunk is None:
        raise ApiError(404, "Trunk not found")
    if trunk.trunk_type != body.call_service:
        raise invalid("call_service", "must be the type of the trunk")
    return assistant, trunk


def _key(body: CallBody, name: str) -> IdempotencyKey:
    if not 0 < len(name) <= MAX_KEY_LENGTH:
        raise invalid("Idempotency-Key", f"must have 1 to {MAX_KEY_LENGTH} characters")
    canonical = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return IdempotencyKey(fingerprint(name), fingerprint(canonical))


async def _earlier(services: Services, caller: Caller, key: IdempotencyKey) -> Acceptance | None:
    """Return how a call was accepted under this key, whatever has become of it and of its assistant since."""
    claimed = await services.idempotency.find(caller.owner, key)
    return claimed if claimed and await services.calls.find(caller.owner, claimed.call_id) else None


def _compose(services: Services, caller: Caller, body: CallBody, assistant: Assistant, trunk: Trunk) -> Call:
    filler = Filler({**(body.metadata or {}), "to_number": body.to_number})
    snapshot = _snapshot(assistant, filler)
    if filler.unresolved and services.settings.require_placeholders:
        raise invalid("metadata", f"must fill the placeholders {', '.join(filler.unresolved)}")
    moment, call_id = now(), new_call_id()
    due_at, expires_at = _times(services, body, moment)
    return Call(
        call_id=call_id,
        owner_id=caller.owner,
        status=CallStatus.SCHEDULED if due_at > moment else CallStatus.QUEUED,
        room_name=_room_name(assistant.assistant_id, call_id),
        to_number=body.to_number,
        from_number=_caller_id(body, trunk),
        trunk_id=trunk.trunk_id,
        call_service=body.call_service,
        metadata=body.metadata,
        unresolved_placeholders=filler.unresolved,
        assistant=snapshot,
        trace=current_trace(),
        queued_at=moment,
        due_at=due_at,
        expires_at=expires_at,
        not_after=body.expires_at,
        deadline_at=expires_at,
    )


def _times(services: Services, body: CallBody, moment: datetime) -> tuple[datetime, datetime]:
    """Return when the call is due, and until when it may wait for its first start."""
    asked = body.scheduled_at if body.scheduled_at and body.scheduled_at > moment else moment
    if asked > moment + LATEST_START:
        raise invalid("scheduled_at", f"must be at most {LATEST_START.days} days ahead")
    if body.expires_at is not None and not asked < body.expires_at <= asked + LATEST_START:
        raise invalid("expires_at", f"must be later than the call is due, by at most {LATEST_START.days} days")
    due_at = whole_milliseconds(asked)
    lifetime = services.settings.times.queue_lifetime
    return due_at, body.expires_at or due_at + lifetime


def _caller_id(body: CallBody, trunk: Trunk) -> str:
    if body.from_number is None:
        return secrets.choice(trunk.trunk_numbers)
    if body.from_number not in trunk.trunk_numbers:
        raise invalid("from_number", "must be one of the trunk's numbers")
    return body.from_number


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
        retries=assistant.assistant_retries,
        voicemail=assistant.assistant_voicemail.model_copy(
            update={"message": filler.fill(assistant.assistant_voicemail.message or "") or None}
        ),
        tools=assistant.assistant_tools,
        recording_enabled=assistant.assistant_recording.enabled,
        recording_link_hours=assistant.assistant_recording.link_hours,
        analysis=_filled(assistant.assistant_analysis, filler),
    )


def _filled(plan: AnalysisPlan, filler: Filler) -> AnalysisPlan:
    if not plan.enabled:
        return AnalysisPlan()
    asked = [each.model_copy(update={"question": filler.fill(each.question)}) for each in plan.questions]
    return plan.model_copy(update={"goal": filler.fill(plan.goal or "") or None, "questions": asked})


def _room_name(assistant_id: AssistantId, call_id: CallId) -> str:
    return f"{assistant_id}_{call_id.removeprefix('call_')}"
