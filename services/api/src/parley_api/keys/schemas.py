"""Bodies of the key endpoints."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, validate_email
from pydantic_core import PydanticCustomError

from parley_api.fields import Moment, Name
from parley_common.accounts import ApiKey
from parley_common.clock import now

MAX_DAYS = 3650
MAX_GRACE_HOURS = 7 * 24


def _address(value: object) -> str:
    """Return the address in lower case; the library's own reasons repeat parts of the value, so none is passed on."""
    try:
        return validate_email(str(value))[1].lower()
    except PydanticCustomError:
        raise PydanticCustomError("email", "must be an e-mail address") from None


type Email = Annotated[str, BeforeValidator(_address), Field(json_schema_extra={"format": "email"})]


class CreateKey(BaseModel):
    """Who asks for a key."""

    user_name: Name
    user_email: Email
    org_name: Annotated[str, Field(max_length=100)] | None = None


class KeyCreated(BaseModel):
    """The key, shown this once."""

    api_key: str
    user_name: str
    org_name: str | None
    user_email: str


class KeyOwner(BaseModel):
    """Whose key it is."""

    user_name: str
    org_name: str | None
    user_email: str
    created_at: datetime


class FurtherKey(BaseModel):
    """What a further key is called, and how long it is valid: without an end when neither is said."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    expires_at: Moment | None = None
    expires_in_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = None


class KeyRotation(BaseModel):
    """How long the old key is valid beside the new one; 0: not at all."""

    model_config = ConfigDict(extra="forbid")

    grace_hours: Annotated[float, Field(ge=0, le=MAX_GRACE_HOURS)] = 24.0


class KeyStatus(StrEnum):
    """Active; retiring: replaced, and valid until expires_at; expired and revoked: it opens nothing."""

    ACTIVE = "active"
    RETIRING = "retiring"
    EXPIRED = "expired"
    REVOKED = "revoked"

    @classmethod
    def of(cls, key: ApiKey) -> "KeyStatus":
        if key.revoked_at is not None:
            return cls.REVOKED
        if key.expires_at is not None and key.expires_at <= now():
            return cls.EXPIRED
        return cls.RETIRING if key.replaced_by else cls.ACTIVE


class KeyDetails(BaseModel):
    """A key, without what it opens with."""

    key_id: str
    name: str | None
    prefix: str = Field(description="How the key begins")
    status: KeyStatus
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute")
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None = Field(description="The key_id of the key that was made in its place")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(**_details(key))


class FreshKey(KeyDetails):
    """A new key, shown this once."""

    api_key: str

    @classmethod
    def made(cls, key: ApiKey, secret: str) -> Self:
        return cls(**_details(key), api_key=secret)


def _details(key: ApiKey) -> dict[str, Any]:
    return key.model_dump(include=set(KeyDetails.model_fields)) | {"status": KeyStatus.of(key)}


class WebhookSecret(BaseModel):
    """`whsec_...`: what a receiver verifies the signature of a webhook with."""

    secret: str
