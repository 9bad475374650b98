"""The rules about endpoints. An assistant's end-call URL is one too; its id is the assistant's."""

from datetime import timedelta

from parley_api.auth import Caller
from parley_api.endpoints.schemas import EndpointBody, EndpointChange, EndpointDetails, Span
from parley_api.errors import ApiError, invalid
from parley_api.services import Services
from parley_api.targets import refusal_of
from parley_common.assistants import Assistant
from parley_common.clock import now
from parley_common.db.deliveries import KEPT, Delivery
from parley_common.endpoints import DisabledReason, Endpoint, EndpointHealth
from parley_common.ids import AssistantId, EndpointId, example_event_id, new_endpoint_id

MAX_ENDPOINTS = 100
MAX_PENDING_EXAMPLES = 10
"""Of one endpoint: examples cost whoever asks for them nothing, and are posted among everybody's events."""


async def create(services: Services, caller: Caller, body: EndpointBody) -> Endpoint:
    _check_url(services, body.endpoint_url)
    if await services.endpoints.count(caller.owner) >= MAX_ENDPOINTS:
        raise ApiError(409, f"An account has {MAX_ENDPOINTS} endpoints at most")
    endpoint = Endpoint(
        **body.model_dump(mode="json"), endpoint_id=new_endpoint_id(), owner_id=caller.owner, created_at=now()
    )
    await services.endpoints.insert(endpoint)
    return endpoint


async def list_all(services: Services, caller: Caller, *, limit: int, offset: int) -> list[EndpointDetails]:
    """Show endpoints, newest first, and after them the end-call URLs of assistants."""
    found = await services.endpoints.page(caller.owner, limit=limit, offset=offset)
    own = await services.endpoints.count(caller.owner)
    assistants = await services.assistants.with_end_call_url(
        caller.owner, limit=limit - len(found), offset=max(0, offset - own)
    )
    implicit = [_implicit(assistant) for assistant in assistants]
    healths = await services.healths.of([endpoint.endpoint_id for endpoint in (*found, *implicit)])
    return [EndpointDetails.of(endpoint, healths.get(endpoint.endpoint_id)) for endpoint in found] + [
        EndpointDetails.of(endpoint, healths.get(endpoint.endpoint_id), end_call_url_of=endpoint.endpoint_id)
        for endpoint in implicit
    ]


async def details(services: Services, caller: Caller, endpoint_id: str) -> EndpointDetails:
    endpoint, assistant = await _find(services, caller, endpoint_id)
    health = (await services.healths.of([endpoint.endpoint_id])).get(endpoint.endpoint_id)
    return EndpointDetails.of(endpoint, health, end_call_url_of=assistant.assistant_id if assistant else None)


async def update(services: Services, caller: Caller, endpoint_id: str, change: EndpointChange) -> None:
    """Change an endpoint; what it is still owed goes to its new URL."""
    given = change.model_dump(mode="json", exclude_unset=True)
    if not given:
        raise ApiError(400, "No fields provided for update")
    if "endpoint_url" in given:
        _check_url(services, change.endpoint_url)
    if await services.endpoints.update(caller.owner, EndpointId(endpoint_id), given) is None:
        raise _not_found()
    if "endpoint_url" in given:
        await redirect(services, caller, EndpointId(endpoint_id), change.endpoint_url)


async def redirect(services: Services, caller: Caller, endpoint_id: EndpointId, url: str) -> None:
    """Send what is still owed, and what was given up, to a new URL; hold nothing against it that the old one has done.

    An endpoint that its owner has switched off stays off, and is sent nothing.
    """
    await services.deliveries.redirect(endpoint_id, url)
    health = (await services.healths.of([endpoint_id])).get(endpoint_id)
    if health is not None and health.disabled_reason is DisabledReason.OWNER:
        return
    if health is not None:
        await services.healths.enable(endpoint_id)
        await services.deliveries.release(endpoint_id)
    await services.delivery_log.reopen_failed(caller.owner, endpoint_id, url, now() - KEPT, now())


async def delete(services: Services, caller: Caller, endpoint_id: str) -> None:
    """Forget an endpoint; what it is still owed is given up before, so that asking again finishes what broke off."""
    endpoint = await services.endpoints.find(caller.owner, EndpointId(endpoint_id))
    if endpoint is None:
        raise _not_found()
    await switch_off(services, caller, endpoint.endpoint_id, DisabledReason.OWNER)
    await services.endpoints.update(caller.owner, endpoint.endpoint_id, {"active": False})


async def secret_of(services: Services, caller: Caller, endpoint_id: str) -> str:
    return await services.signing_secrets.of(await _signer(services, caller, endpoint_id))


async def rotate(services: Services, caller: Caller, endpoint_id: str, overlap_hours: float) -> str:
    holder = await _signer(services, caller, endpoint_id)
    return await services.signing_secrets.rotate(holder, timedelta(hours=overlap_hours))


async def disable(services: Services, caller: Caller, endpoint_id: str) -> None:
    """Post nothing to an endpoint until it is enabled; what happens meanwhile can be recovered then."""
    endpoint = await find(services, caller, endpoint_id)
    await switch_off(services, caller, endpoint.endpoint_id, DisabledReason.OWNER)


async def switch_off(services: Services, caller: Caller, endpoint_id: EndpointId, reason: DisabledReason) -> None:
    """Give up what an endpoint is owed; it and what happens from now on is kept."""
    await services.healths.disable(endpoint_id, caller.owner, reason)
    await services.deliveries.give_up(endpoint_id)


async def enable(services: Services, caller: Caller, endpoint_id: str) -> None:
    """Post again, with nothing held against the endpoint."""
    endpoint = await find(services, caller, endpoint_id)
    await services.healths.enable(endpoint.endpoint_id)
    await services.deliveries.release(endpoint.endpoint_id)


async def post_example(services: Services, caller: Caller, endpoint_id: str, event_type: str) -> Delivery:
    """Owe an endpoint an example of an event, whatever it has asked for."""
    endpoint, assistant = await _find(services, caller, endpoint_id)
    health = await _check_enabled(services, endpoint.endpoint_id)
    if await services.deliveries.count_examples(endpoint.endpoint_id) >= MAX_PENDING_EXAMPLES:
        raise ApiError(409, f"The endpoint has not accepted {MAX_PENDING_EXAMPLES} examples yet; wait for them")
    event_id, moment = example_event_id(), now()
    delivery = Delivery(
        delivery_id=f"{endpoint.endpoint_id}:{event_id}",
        endpoint_id=endpoint.endpoint_id,
        owner_id=caller.owner,
        call_id=None,
        event_id=event_id,
        event_type=event_type,
        url=endpoint.endpoint_url,
        signed_by=caller.owner if assistant else endpoint.endpoint_id,
        occurred_at=moment,
        created_at=moment,
        next_attempt_at=moment,
        suspect=health is not None and health.suspect,
    )
    await services.deliveries.add([delivery])
    return delivery


async def recover(services: Services, caller: Caller, endpoint_id: str, span: Span) -> int:
    """Send again whatever was given up of the events that occurred in a time."""
    endpoint = await find(services, caller, endpoint_id)
    await _check_enabled(services, endpoint.endpoint_id)
    return await services.delivery_log.reopen_failed(
        caller.owner, endpoint.endpoint_id, endpoint.endpoint_url, span.since, span.until or now()
    )


async def find(services: Services, caller: Caller, endpoint_id: str) -> Endpoint:
    endpoint, _ = await _find(services, caller, endpoint_id)
    return endpoint


async def find_delivery(services: Services, caller: Caller, delivery_id: str) -> Delivery:
    delivery = await services.delivery_log.find(caller.owner, delivery_id)
    if delivery is None:
        raise ApiError(404, "Delivery not found")
    return delivery


async def redeliver(services: Services, caller: Caller, delivery_id: str) -> Delivery:
    """Send a delivery again, the same bytes under the same id, with its whole schedule before it.

    It goes to its endpoint's URL of now; that of an assistant that was deleted goes where it went.
    """
    delivery = await find_delivery(services, caller, delivery_id)
    await _check_enabled(services, delivery.endpoint_id)
    found = await _look_up(services, caller, delivery.endpoint_id)
    url = found[0].endpoint_url if found else delivery.url
    if not await services.delivery_log.reopen(caller.owner, delivery_id, url):
        raise ApiError(409, "The delivery is being sent at this moment")
    return delivery


async def _find(services: Services, caller: Caller, endpoint_id: str) -> tuple[Endpoint, Assistant | None]:
    found = await _look_up(services, caller, endpoint_id)
    if found is None:
        raise _not_found()
    return found


async def _look_up(services: Services, caller: Caller, endpoint_id: str) -> tuple[Endpoint, Assistant | None] | None:
    """Find an endpoint, or the end-call URL of an assistant."""
    endpoint = await services.endpoints.find(caller.owner, EndpointId(endpoint_id))
    if endpoint is not None:
        return endpoint, None
    assistant = await services.assistants.find(caller.owner, AssistantId(endpoint_id))
    if assistant is None or assistant.assistant_end_call_url is None:
        return None
    return _implicit(assistant), assistant


async def _signer(services: Services, caller: Caller, endpoint_id: str) -> str:
    """Return whose secret signs; end-call URLs share their owner's."""
    endpoint, assistant = await _find(services, caller, endpoint_id)
    return caller.owner if assistant else endpoint.endpoint_id


async def _check_enabled(services: Services, endpoint_id: EndpointId) -> EndpointHealth | None:
    """Return what is wrong with an endpoint; raises a 409 when it is off."""
    health = (await services.healths.of([endpoint_id])).get(endpoint_id)
    if health is not None and health.disabled_at is not None:
        raise ApiError(409, "The endpoint is disabled; enable it first")
    return health


def _implicit(assistant: Assistant) -> Endpoint:
    return Endpoint(
        endpoint_id=EndpointId(assistant.assistant_id),
        owner_id=assistant.owner_id,
        endpoint_url=assistant.assistant_end_call_url or "",
        endpoint_description=assistant.assistant_name,
        event_types=["call.ended"],
        created_at=assistant.created_at,
    )


def _check_url(services: Services, url: str) -> None:
    if reason := refusal_of(url, services.settings.targets.webhook_allowed_networks):
        raise invalid("endpoint_url", reason)


def _not_found() -> ApiError:
    return ApiError(404, "Endpoint not found")
