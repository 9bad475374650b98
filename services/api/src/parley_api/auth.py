"""Who asks: the one dependency that turns a key into an owner. Everything else gets the owner from here."""

import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from structlog.contextvars import bind_contextvars

from parley_api.errors import ApiError
from parley_api.services import Services, ServicesDependency
from parley_common.accounts import Account, ApiKey
from parley_common.clock import now
from parley_common.crypto import fingerprint
from parley_common.ids import OwnerId

_HEADER = APIKeyHeader(name="x-api-key", auto_error=False, description="`x-api-key: lvk_...`")
_BEARER = HTTPBearer(auto_error=False, description="`Authorization: Bearer lvk_...`")


@dataclass(frozen=True)
class Caller:
    """The owner behind the key of a request, and which key it was."""

    owner: OwnerId
    key_id: str


async def _caller(
    services: ServicesDependency,
    header: Annotated[str | None, Security(_HEADER)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Caller:
    key = header or (bearer.credentials if bearer else None)
    found = await _found(services, key) if key else None
    if found is None:
        raise _refused()
    bind_contextvars(owner_id=found.owner_id)
    return Caller(found.owner_id, found.key_id)


async def _found(services: Services, key: str) -> ApiKey | None:
    """Look a key up by its hash; the time that a comparison takes says nothing about a key."""
    moment, hashed = now(), fingerprint(key)
    found = await services.keys.find_valid(hashed, moment)
    if found is None or not secrets.compare_digest(found.fingerprint, hashed):
        return None
    await services.keys.mark_used(found, moment)
    return found


CallerDependency = Annotated[Caller, Depends(_caller)]


async def _account(caller: CallerDependency, services: ServicesDependency) -> Account:
    account = await services.accounts.get(caller.owner)
    if account is None:
        raise _refused()
    return account


AccountDependency = Annotated[Account, Depends(_account)]
"""For the few endpoints that need to know more than the owner: one query more."""


def _refused() -> ApiError:
    return ApiError(401, "Invalid or missing API key", headers={"WWW-Authenticate": "Bearer"})
