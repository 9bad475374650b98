"""Signatures as Standard Webhooks has them: the receiver proves sender, bytes and time with a shared secret."""

from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook


def headers(secrets: Sequence[str], webhook_id: str, at: datetime, body: str) -> dict[str, str]:
    """Sign one attempt with every secret that is valid; the id is the same on every attempt, the time its own."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(webhook_id, at, body) for secret in secrets),
    }
