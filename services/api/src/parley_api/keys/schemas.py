"""Bodies of the key endpoints."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, validate_email
from pydantic_core import PydanticCustomError

from parley_api.fields import Name


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


class WebhookSecret(BaseModel):
    """`whsec_...`: what a receiver verifies the signature of a webhook with."""

    secret: str
