"""Bodies of the trunk endpoints."""

import re
from datetime import datetime
from ipaddress import AddressValueError, IPv6Address
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from parley_api.fields import Name, PhoneNumber
from parley_common.trunks import TrunkLimits, TrunkType

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*|\[(?P<ipv6>[0-9A-Fa-f:.]+)\]"
_ADDRESS = re.compile(rf"(?:{_HOST})(?::(?P<port>[0-9]{{1,5}}))?")
_MAX_PORT = 65535


def _address(value: str) -> str:
    found = _ADDRESS.fullmatch(value)
    if found is None or not _is_ipv6(found["ipv6"]) or not 1 <= int(found["port"] or _MAX_PORT) <= _MAX_PORT:
        raise PydanticCustomError("address", "must be a host or host:port without a scheme, e.g. sip.example.com:5060")
    return value


def _is_ipv6(bracketed: str | None) -> bool:
    try:
        IPv6Address(bracketed or "::")
    except AddressValueError:
        return False
    return True


class TrunkLimitsBody(TrunkLimits):
    """How much a trunk carries: calls at once, and calls begun in a second; null: as many as come."""

    model_config = ConfigDict(extra="forbid")


class TrunkBody(BaseModel):
    """An outbound SIP trunk. The password goes to LiveKit and is never shown."""

    trunk_name: Name
    trunk_address: Annotated[Name, AfterValidator(_address)]
    trunk_numbers: Annotated[list[PhoneNumber], Field(min_length=1, max_length=100)]
    trunk_auth_username: Name
    trunk_auth_password: Name
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
