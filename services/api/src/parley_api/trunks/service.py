"""The rules about trunks."""

import structlog

from parley_api.auth import Caller
from parley_api.errors import ApiError
from parley_api.services import Services
from parley_api.trunks.gateway import NewTrunk
from parley_api.trunks.schemas import TrunkBody
from parley_common.clock import now
from parley_common.errors import ParleyError
from parley_common.ids import TrunkId
from parley_common.trunks import Trunk, TrunkLimits

log = structlog.get_logger()

PASSWORD_PURPOSE = "trunk_password"  # noqa: S105  # names the field, holds nothing


async def create(services: Services, caller: Caller, body: TrunkBody) -> Trunk:
    """Make the trunk on LiveKit, then keep it; a trunk that cannot be kept is taken back from LiveKit."""
    trunk_id = await services.gateway.create(
        NewTrunk(
            name=body.trunk_name,
            address=body.trunk_address,
            numbers=body.trunk_numbers,
            auth_username=body.trunk_auth_username,
            auth_password=body.trunk_auth_password,
            trunk_type=body.trunk_type,
        )
    )
    trunk = Trunk(
        **body.model_dump(exclude={"trunk_auth_password"}),
        trunk_id=trunk_id,
        owner_id=caller.owner,
        sealed_password=services.box.seal(body.trunk_auth_password, purpose=PASSWORD_PURPOSE),
        created_at=now(),
    )
    try:
        await services.trunks.insert(trunk)
    except ParleyError:
        log.warning("trunk not kept, taking it back", trunk_id=trunk_id)
        await services.gateway.delete(trunk_id)
        raise
    return trunk


async def limit(services: Services, caller: Caller, trunk_id: TrunkId, limits: TrunkLimits) -> TrunkId:
    if not await services.trunks.set_limits(caller.owner, trunk_id, limits):
        raise ApiError(404, "Trunk not found")
    return trunk_id


async def delete(services: Services, caller: Caller, trunk_id: TrunkId) -> TrunkId:
    """Take the trunk away from LiveKit first: one that is half deleted can be deleted again."""
    if await services.trunks.find(caller.owner, trunk_id) is None:
        raise ApiError(404, "Trunk not found")
    await services.gateway.delete(trunk_id)
    await services.trunks.deactivate(caller.owner, trunk_id)
    return trunk_id
