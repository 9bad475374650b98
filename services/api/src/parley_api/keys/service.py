"""Makes accounts and their keys."""

import secrets

from parley_api.errors import ApiError
from parley_api.keys.schemas import CreateKey
from parley_api.services import Services
from parley_common.accounts import Account, ApiKey
from parley_common.clock import now
from parley_common.crypto import fingerprint
from parley_common.errors import AlreadyExists, ParleyError
from parley_common.ids import new_owner_id

PREFIX = "lvk_"
_PUBLIC_CHARACTERS = 8


async def create_key(services: Services, wanted: CreateKey) -> str:
    """Open an account with its first key. Raises a 400 when the e-mail address has one."""
    account = Account(
        owner_id=new_owner_id(),
        user_name=wanted.user_name,
        user_email=wanted.user_email.lower(),
        org_name=wanted.org_name,
        created_at=now(),
    )
    try:
        await services.accounts.insert(account)
    except AlreadyExists as error:
        raise ApiError(400, "User with this email already exists") from error
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        key_id=f"key_{secrets.token_hex(8)}",
        owner_id=account.owner_id,
        prefix=secret[: len(PREFIX) + _PUBLIC_CHARACTERS],
        fingerprint=fingerprint(secret),
        created_at=account.created_at,
    )
    try:
        await services.keys.insert(key)
    except ParleyError:
        await services.accounts.delete(account.owner_id)
        raise
    _notify(services, account, key)
    return secret


def _notify(services: Services, account: Account, key: ApiKey) -> None:
    services.mailer.send_soon(
        account.user_email,
        "Your Parley API key was created",
        f"Hello {account.user_name},\n\nan API key that begins with {key.prefix} was created for your account. "
        f"It was shown once, when it was made.\n\nThe API and its documentation: "
        f"{services.settings.public.backend_url}/docs\n\nIf this was not you, please reply to this mail.\n",
    )
