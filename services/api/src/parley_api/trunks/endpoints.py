"""SIP trunks over HTTP."""

from fastapi import APIRouter

from parley_api.auth import CallerDependency
from parley_api.envelope import Envelope
from parley_api.paging import PageDependency
from parley_api.services import ServicesDependency
from parley_api.trunks import service
from parley_api.trunks.schemas import TrunkBody, TrunkCreated, TrunkSummary

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
