"""Bodies of the key endpoints."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, EmailStr, Field


class CreateKey(BaseModel):
    """Who asks for a key."""

    user_name: Annotated[str, Field(min_length=1, max_length=100)]
    user_email: EmailStr
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
