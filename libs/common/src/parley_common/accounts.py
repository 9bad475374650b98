"""Owners and their API keys, as they are stored."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from parley_common.ids import OwnerId


class Account(BaseModel):
    """Somebody who owns assistants, trunks and calls."""

    model_config = ConfigDict(hide_input_in_errors=True)

    owner_id: OwnerId
    user_name: str
    user_email: str
    org_name: str | None = None
    created_at: AwareDatetime


class ApiKey(BaseModel):
    """One key of an account: its hash and a short public prefix, never the key."""

    key_id: str
    owner_id: OwnerId
    name: str | None = None
    prefix: str
    fingerprint: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    last_used_at: AwareDatetime | None = None
    replaced_by: str | None = None
    """The key that was made in its place; this one is valid until it expires."""
