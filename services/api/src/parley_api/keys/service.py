"""Makes accounts, and makes, replaces and revokes their keys."""

import secrets
from datetime import datetime, timedelta

from parley_api.errors import ApiError, invalid
from parley_api.keys.schemas import CreateKey, FurtherKey, KeyStatus
from parley_api.services import Services
from parley_common.accounts import Account, ApiKey
from parley_common.clock import iso, now, whole_milliseconds
from parley_common.crypto import fingerprint
from parley_common.errors import AlreadyExists
from parley_common.ids import OwnerId, new_owner_id

PREFIX = "lvk_"
_PUBLIC_CHARACTERS = 8
_FROM_NOBODY = "If this was not you, you need do nothing."
_FROM_AN_INTRUDER = (
    "If this was not you, somebody has a key of yours: GET /auth/keys lists them, POST /auth/keys/{key_id}/rotate "
    "replaces one, DELETE /auth/keys/{key_id} revokes one."
)


async def create_key(services: Services, wanted: CreateKey) -> str:
    """Open an account with its first key. Raises a 400 when the e-mail address has one.

    The key is stored first: a crash between the two leaves a key that nobody was told, not an account without one.
    """
    account = Account(**wanted.model_dump(), owner_id=new_owner_id(), created_at=now())
    key, secret = _fresh(account.owner_id, account.created_at)
    await services.keys.insert(key)
    try:
        await services.accounts.insert(account)
    except AlreadyExists as error:
        await services.keys.delete(account.owner_id, key.key_id)
        raise ApiError(400, "User with this email already exists") from error
    _notify(services, account, "created", _created(key), _FROM_NOBODY)
    return secret


async def create_further(services: Services, account: Account, wanted: FurtherKey) -> tuple[ApiKey, str]:
    moment = now()
    key, secret = _fresh(account.owner_id, moment, wanted.name, _end(wanted, moment))
    await services.keys.insert(key)
    _notify(services, account, "created", _created(key), _FROM_AN_INTRUDER)
    return key, secret


async def rotate(services: Services, account: Account, key_id: str, grace_hours: float) -> tuple[ApiKey, str]:
    """Make a successor, then end the old key; of two who rotate a key at once one gets a 409."""
    old, moment = await _find(services, account.owner_id, key_id), now()
    if old.replaced_by:
        raise _rotated_already()
    if KeyStatus.of(old) is not KeyStatus.ACTIVE:
        raise ApiError(409, "The key is expired or revoked; create a new one")
    lifetime = old.expires_at - old.created_at if old.expires_at else None
    key, secret = _fresh(account.owner_id, moment, old.name, moment + lifetime if lifetime else None)
    await services.keys.insert(key)
    end = whole_milliseconds(moment + timedelta(hours=grace_hours))
    end = min(end, old.expires_at or end)
    until = {"expires_at": end} if grace_hours else {"revoked_at": moment}
    if not await services.keys.replace(old, key.key_id, **until):
        await services.keys.delete(account.owner_id, key.key_id)
        raise _rotated_already()
    told = f"The API key that begins with {old.prefix} was replaced by one that begins with {key.prefix}. The old one "
    told += f"is valid until {iso(end)}." if grace_hours else "opens nothing any more."
    _notify(services, account, "rotated", told, _FROM_AN_INTRUDER)
    return key, secret


async def revoke(services: Services, account: Account, key_id: str) -> None:
    """Revoke a key, but never the last: whoever finds afterwards that nothing is left takes his own revocation back.

    So two who revoke each other's keys at once do not lock their owner out. A key that was replaced does not count as
    left, because it ends by itself.
    """
    key, moment = await _find(services, account.owner_id, key_id), now()
    if key.revoked_at is not None:
        return
    if not await services.keys.has_lasting(account.owner_id, besides=key_id):
        raise _last()
    if not await services.keys.revoke(key, moment):
        return
    if not await services.keys.has_lasting(account.owner_id, besides=key_id):
        await services.keys.take_back(key, moment)
        raise _last()
    told = f"The API key that begins with {key.prefix} was revoked and opens nothing any more."
    _notify(services, account, "revoked", told, _FROM_AN_INTRUDER)


async def _find(services: Services, owner: OwnerId, key_id: str) -> ApiKey:
    key = await services.keys.find(owner, key_id)
    if key is None:
        raise ApiError(404, "API key not found")
    return key


def _fresh(
    owner: OwnerId, moment: datetime, name: str | None = None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        key_id=f"key_{secrets.token_hex(8)}",
        owner_id=owner,
        name=name,
        prefix=secret[: len(PREFIX) + _PUBLIC_CHARACTERS],
        fingerprint=fingerprint(secret),
        created_at=moment,
        expires_at=expires_at,
    )
    return key, secret


def _end(wanted: FurtherKey, moment: datetime) -> datetime | None:
    if wanted.expires_in_days is not None:
        if wanted.expires_at is not None:
            raise invalid("expires_in_days", "must not be given together with expires_at")
        return moment + timedelta(days=wanted.expires_in_days)
    if wanted.expires_at is None:
        return None
    end = whole_milliseconds(wanted.expires_at)
    if end <= moment:
        raise invalid("expires_at", "must be in the future")
    return end


def _rotated_already() -> ApiError:
    return ApiError(409, "The key was rotated already; rotate the one that replaced it")


def _last() -> ApiError:
    return ApiError(409, "This is your last valid key; create a further one or rotate this one first")


def _created(key: ApiKey) -> str:
    return (
        f"An API key that begins with {key.prefix} was created for this address. It was shown once, when it was made; "
        "this mail does not hold it."
    )


def _notify(services: Services, account: Account, done: str, told: str, otherwise: str) -> None:
    """Tell the owner; nothing that the one who asked has written stands in the mail, so nobody can send ads by it."""
    services.mailer.send_soon(
        account.user_email,
        f"Your Parley API key was {done}",
        f"{told}\n\nThe API and its documentation: {services.settings.public.backend_url.rstrip('/')}/docs\n\n"
        f"{otherwise}\n",
    )
