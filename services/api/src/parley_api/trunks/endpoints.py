"""SIP trunks over HTTP."""

from fastapi import APIRouter

from parley_api.auth import CallerDependency
from parley_api.envelope import Envelope
from parley_api.paging import PageDependency
from parley_api.services import ServicesDependency
from parley_api.trunks import service
from parley_api.trunks.schemas import TrunkBody, TrunkChange, TrunkCreated, TrunkSummary
from parley_common.ids import TrunkId

router = APIRouter(prefix="/sip", tags=["trunks"])


@router.post("/create-outbound-trunk")
async def create(body: TrunkBody, caller: CallerDependency, services: ServicesDependency) -> Envelope[TrunkCreated]:
    """Make an outbound trunk, for Twilio or Exotel."""
    trunk = await service.create(services, caller, body)
    return Envelope(message="Outbound trunk created successfully", data=TrunkCreated(trunk_id=trunk.trunk_id))


@router.get("/list")
async def list_all(
    caller: CallerDependency, services: ServicesDependency, page: PageDependency
) -> Envelope[list[TrunkSummary]]:
    """List trunks, newest first."""
    found = await services.trunks.page(caller.owner, limit=page.limit, offset=page.offset)
    data = [TrunkSummary.model_validate(trunk, from_attributes=True) for trunk in found]
    return Envelope(message="Trunks fetched successfully", data=data)


@router.patch("/update/{trunk_id}")
async def update(
    trunk_id: str, body: TrunkChange, caller: CallerDependency, services: ServicesDependency
) -> Envelope[TrunkCreated]:
    """Change a trunk's limits; calls that wait already obey them too."""
    trunk = await service.limit(services, caller, TrunkId(trunk_id), body.trunk_limits)
    return Envelope(message="Trunk updated successfully", data=TrunkCreated(trunk_id=trunk))


@router.delete("/delete/{trunk_id}")
async def delete(trunk_id: str, caller: CallerDependency, services: ServicesDependency) -> Envelope[TrunkCreated]:
    """Delete a trunk, here and on LiveKit; calls that wait for it fail."""
    trunk = await service.delete(services, caller, TrunkId(trunk_id))
    return Envelope(message="Trunk deleted successfully", data=TrunkCreated(trunk_id=trunk))
