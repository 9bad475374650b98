"""Assistants over HTTP."""

from fastapi import APIRouter

from parley_api.assistants import service
from parley_api.assistants.schemas import (
    AssistantBody,
    AssistantChange,
    AssistantChanged,
    AssistantCreated,
    AssistantDetails,
    AssistantSummary,
)
from parley_api.auth import AccountDependency, CallerDependency
from parley_api.envelope import Envelope
from parley_api.paging import PageDependency
from parley_api.services import ServicesDependency

router = APIRouter(prefix="/assistant", tags=["assistants"])


@router.post("/create")
async def create(
    body: AssistantBody, account: AccountDependency, services: ServicesDependency
) -> Envelope[AssistantCreated]:
    """Make an assistant."""
    assistant = await service.create(services, account, body)
    created = AssistantCreated(assistant_id=assistant.assistant_id, assistant_name=assistant.assistant_name)
    return Envelope(message="Assistant created successfully", data=created)


@router.patch("/update/{assistant_id}")
async def update(
    assistant_id: str, body: AssistantChange, caller: CallerDependency, services: ServicesDependency
) -> Envelope[AssistantChanged]:
    """Change any fields; the merged assistant is checked as a whole.

    Nested settings are those of `POST /assistant/create`: what is given of them changes, lists are replaced as a whole.
    """
    await service.update(services, caller, assistant_id, body)
    return Envelope(message="Assistant updated successfully", data=AssistantChanged(assistant_id=assistant_id))


@router.get("/list")
async def list_all(
    caller: CallerDependency, services: ServicesDependency, page: PageDependency
) -> Envelope[list[AssistantSummary]]:
    """List active assistants, newest first."""
    found = await services.assistants.page(caller.owner, limit=page.limit, offset=page.offset)
    return Envelope(
        message="Assistants fetched successfully", data=[AssistantSummary.of(assistant) for assistant in found]
    )


@router.get("/details/{assistant_id}")
async def details(
    assistant_id: str, caller: CallerDependency, services: ServicesDependency
) -> Envelope[AssistantDetails]:
    """Show one assistant."""
    assistant = await service.get(services, caller, assistant_id)
    return Envelope(message="Assistant details fetched successfully", data=AssistantDetails.of(assistant))


@router.delete("/delete/{assistant_id}")
async def delete(
    assistant_id: str, caller: CallerDependency, services: ServicesDependency
) -> Envelope[AssistantChanged]:
    """Delete an assistant; it can no longer be called."""
    await service.delete(services, caller, assistant_id)
    return Envelope(message="Assistant deleted successfully", data=AssistantChanged(assistant_id=assistant_id))
