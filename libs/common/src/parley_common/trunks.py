"""SIP trunks as they are stored."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from parley_common.ids import OwnerId, TrunkId

type TrunkType = Literal["twilio", "exotel"]


class TrunkLimits(BaseModel):
    """How much a trunk carries: calls at once, and calls begun in a second; null: as many as come."""

    max_concurrent_calls: Annotated[int, Field(ge=1, le=10_000)] | None = None
    calls_per_second: Annotated[float, Field(gt=0, le=1000)] | None = None


class Trunk(BaseModel):
    """An outbound trunk; LiveKit holds its working copy, the password here is sealed."""

    model_config = ConfigDict(hide_input_in_errors=True)

    trunk_id: TrunkId
    owner_id: OwnerId
    trunk_name: str
    trunk_address: str
    trunk_numbers: list[str]
    trunk_auth_username: str
    sealed_password: str
    trunk_type: TrunkType
    trunk_limits: TrunkLimits = TrunkLimits()
    active: bool = True
    created_at: AwareDatetime
