"""SIP trunks as they are stored."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from parley_common.ids import OwnerId, TrunkId

type TrunkType = Literal["twilio", "exotel"]


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
    active: bool = True
    created_at: AwareDatetime
