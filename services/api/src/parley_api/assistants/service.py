"""The rules about assistants."""

from pydantic import ValidationError

from parley_api.assistants.schemas import AssistantBody, AssistantChange
from parley_api.auth import Caller
from parley_api.endpoints.service import redirect, switch_off
from parley_api.errors import ApiError, field_errors, invalid
from parley_api.services import Services
from parley_api.targets import refusal_of
from parley_common.accounts import Account
from parley_common.assistants import Assistant
from parley_common.clock import now
from parley_common.endpoints import DisabledReason
from parley_common.ids import AssistantId, EndpointId, new_assistant_id

MAX_TRIES = 5


async def create(services: Services, account: Account, body: AssistantBody) -> Assistant:
    _check_url(services, body.assistant_end_call_url)
    moment = now()
    assistant = Assistant(
        **body.model_dump(),
        assistant_id=new_assistant_id(),
        owner_id=account.owner_id,
        created_by_email=account.user_email,
        created_at=moment,
        updated_at=moment,
    )
    await services.assistants.insert(assistant)
    return assistant


async def get(services: Services, caller: Caller, assistant_id: str) -> Assistant:
    assistant = await services.assistants.find(caller.owner, AssistantId(assistant_id))
    if assistant is None:
        raise ApiError(404, "Assistant not found")
    return assistant


async def update(services: Services, caller: Caller, assistant_id: str, change: AssistantChange) -> None:
    """Merge a change into the assistant and check the whole, again if somebody else was faster."""
    given = change.model_dump(exclude_unset=True)
    if not given:
        raise ApiError(400, "No fields provided for update")
    for _ in range(MAX_TRIES):
        assistant = await get(services, caller, assistant_id)
        body = _merged(assistant, given)
        if body.assistant_end_call_url != assistant.assistant_end_call_url:
            _check_url(services, body.assistant_end_call_url)
        if await services.assistants.replace(caller.owner, assistant.model_copy(update=dict(body))):
            if "assistant_end_call_url" in given:  # also when it is the same: a change that broke off is finished so
                await _move(services, caller, EndpointId(assistant_id), body.assistant_end_call_url)
            return
    raise ApiError(409, "Assistant was changed by somebody else at the same time")


async def delete(services: Services, caller: Caller, assistant_id: str) -> None:
    if not await services.assistants.deactivate(caller.owner, AssistantId(assistant_id)):
        raise ApiError(404, "Assistant not found")


async def _move(services: Services, caller: Caller, endpoint_id: EndpointId, url: str | None) -> None:
    """Let reports go to a new end-call URL; without one they are kept until there is."""
    if url is None:
        await switch_off(services, caller, endpoint_id, DisabledReason.REMOVED)
    else:
        await redirect(services, caller, endpoint_id, url)


def _merged(assistant: Assistant, given: dict[str, object]) -> AssistantBody:
    merged = assistant.model_dump(include=set(AssistantBody.model_fields))
    if given.get("assistant_tts_model", assistant.assistant_tts_model) != assistant.assistant_tts_model:
        merged |= {"assistant_tts_voice_id": None, "assistant_tts_speaker": None}  # they belong to the old model
    for name, value in given.items():
        current = merged[name]
        merged[name] = {**current, **value} if isinstance(current, dict) and isinstance(value, dict) else value
    try:
        return AssistantBody.model_validate(merged)
    except ValidationError as error:
        raise ApiError(422, "Validation failed", data=field_errors(error.errors())) from error


def _check_url(services: Services, url: str | None) -> None:
    if url is not None and (reason := refusal_of(url, services.settings.targets.webhook_allowed_networks)):
        raise invalid("assistant_end_call_url", reason)
