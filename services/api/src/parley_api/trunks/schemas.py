"""Bodies of the trunk endpoints."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from parley_common.trunks import TrunkLimits, TrunkType

type Text = Annotated[str, Field(min_length=1, max_length=100)]

_HOST = re.compile(r"(?!-)[A-Za-z0-9.-]+(?<!-)(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise PydanticCustomError("address", "must be a host or host:port, without a scheme")
    return value


type PhoneNumber = Annotated[
    str, Field(pattern=r"^\+[1-9][0-9]{1,14}$", description="E.164", examples=["+15550000000"])
]


class TrunkLimitsBody(TrunkLimits):
    """How much a trunk carries: calls at once, and calls begun in a second; null: as many as come."""

    model_config = ConfigDict(extra="forbid")


class TrunkBody(BaseModel):
    """An outbound SIP trunk. The password goes to LiveKit and is never shown."""

    trunk_name: Text
    trunk_address: Annotated[Text, AfterValidator(_host)]
    trunk_numbers: Annotated[list[PhoneNumber], Field(min_length=1, max_length=100)]
    trunk_auth_username: Text
    trunk_auth_password: Text
    trunk_type: TrunkType
    trunk_limits: TrunkLimitsBody = TrunkLimitsBody()


class TrunkChange(BaseModel):
    """What may be changed of a trunk."""

    trunk_limits: TrunkLimitsBody


class TrunkCreated(BaseModel):
    """LiveKit's id of the trunk."""

    trunk_id: str


class TrunkSummary(BaseModel):
    """One line of the list."""

    trunk_id: str
    trunk_name: str
    trunk_address: str
    trunk_numbers: list[str]
    trunk_auth_username: str
    trunk_type: TrunkType
    trunk_limits: TrunkLimits
    created_at: datetime
