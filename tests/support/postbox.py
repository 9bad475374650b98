"""A mail server that keeps what it gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class Postbox:
    """The mails that came, and who handed them over."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def postbox_at(port: int, host: str = "127.0.0.1", **smtp: Any) -> Iterator[Postbox]:
    """Serve on a port; `smtp` goes to aiosmtpd's `SMTP`."""
    box = Postbox(port)
    server = Controller(box, hostname=host, port=port, enable_SMTPUTF8=True, **smtp)
    server.start()
    try:
        yield box
    finally:
        server.stop()
