"""Makes accounts and their keys."""

import secrets

from parley_api.errors import ApiError
from parley_api.keys.schemas import CreateKey
from parley_api.services import Services
from parley_common.accounts import Account, ApiKey
from parley_common.clock import now
from parley_common.crypto import fingerprint
from parley_common.errors import AlreadyExists
from parley_common.ids import new_owner_id

PREFIX = "lvk_"
_PUBLIC_CHARACTERS = 8


async def create_key(services: Services, wanted: CreateKey) -> str:
    """Open an account with its first key. Raises a 400 when the e-mail address has one.

    The key is stored first: a crash between the two leaves a key that nobody was told, not an account without one.
    """
    account = Account(**wanted.model_dump(), owner_id=new_owner_id(), created_at=now())
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        key_id=f"key_{secrets.token_hex(8)}",
        owner_id=account.owner_id,
        prefix=secret[: len(PREFIX) + _PUBLIC_CHARACTERS],
        fingerprint=fingerprint(secret),
        created_at=account.created_at,
    )
    await services.keys.insert(key)
    try:
        await services.accounts.insert(account)
    except AlreadyExists as error:
        await services.keys.delete(account.owner_id, key.key_id)
        raise ApiError(400, "User with this email already exists") from error
    _notify(services, account, key)
    return secret


def _notify(services: Services, account: Account, key: ApiKey) -> None:
    """Tell the owner; nothing that the one who asked has written stands in the mail, so nobody can send ads by it."""
    services.mailer.send_soon(
        account.user_email,
        "Your Parley API key was created",
        f"An API key that begins with {key.prefix} was created for this address. It was shown once, when it was made; "
        f"this mail does not hold it.\n\nThe API and its documentation: "
        f"{services.settings.public.backend_url.rstrip('/')}/docs\n\nIf this was not you, you need do nothing.\n",
    )
