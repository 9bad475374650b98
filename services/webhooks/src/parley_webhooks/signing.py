"""Signatures as Standard Webhooks has them: the receiver proves sender, bytes and time with a shared secret."""

from collections.abc import Sequence
from datetime import datetime
from time import monotonic

from standardwebhooks import Webhook

from parley_common.db.signing_secrets import SigningSecrets

REMEMBERED_SECONDS = 1.0
"""For so long after a rotation the old secret may go on signing alone."""

MOST_REMEMBERED = 10_000


class Signer:
    """Signs with every secret that is valid, and remembers for a moment which those are."""

    def __init__(self, secrets: SigningSecrets) -> None:
        self._secrets = secrets
        self._remembered: dict[str, tuple[float, list[str]]] = {}

    async def headers(self, holder: str, webhook_id: str, at: datetime, body: str) -> dict[str, str]:
        return headers(await self._valid(holder), webhook_id, at, body)

    async def _valid(self, holder: str) -> list[str]:
        moment = monotonic()
        until, valid = self._remembered.get(holder, (moment, []))
        if until <= moment:
            valid = await self._secrets.signing(holder)
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[holder] = moment + REMEMBERED_SECONDS, valid
        return valid


def headers(secrets: Sequence[str], webhook_id: str, at: datetime, body: str) -> dict[str, str]:
    """Sign one attempt with every secret that is valid; the id is the same on every attempt, the time its own."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(webhook_id, at, body) for secret in secrets),
    }
