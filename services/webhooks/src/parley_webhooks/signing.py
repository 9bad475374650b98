"""Signatures as Standard Webhooks has them: the receiver proves sender, bytes and time with a shared secret."""

from datetime import datetime

from standardwebhooks import Webhook


def headers(secret: str, webhook_id: str, at: datetime, body: str) -> dict[str, str]:
    """Sign one attempt; the id is the same on every attempt, the time is the attempt's own."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, at, body),
    }
