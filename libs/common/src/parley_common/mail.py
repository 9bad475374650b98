"""Notices by mail. Without SMTP_HOST there are none; a mail server that is away never holds anything up."""

import asyncio
from email.message import EmailMessage
from email.utils import formataddr

import aiosmtplib
import structlog

from parley_common.settings import SmtpSettings

log = structlog.get_logger()

TIMEOUT_SECONDS = 15.0
IMPLICIT_TLS_PORT = 465
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Where a password may travel without TLS."""


class Mailer:
    """Hands mails to the SMTP server in the background."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._sending: set[asyncio.Task[None]] = set()

    def send_soon(self, to: str, subject: str, text: str) -> None:
        if self._settings.smtp_host is None:
            return
        task = asyncio.create_task(self._send(to, subject, text))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def drain(self) -> None:
        await asyncio.gather(*self._sending)

    async def _send(self, to: str, subject: str, text: str) -> None:
        settings = self._settings
        message = EmailMessage()
        message["From"] = formataddr((settings.from_name, settings.from_email))
        message["To"] = to
        message["Subject"] = subject
        message.set_content(text)
        password = settings.smtp_password
        implicit_tls = settings.smtp_port == IMPLICIT_TLS_PORT
        needs_tls = settings.smtp_user is not None and settings.smtp_host not in LOOPBACK
        try:
            await aiosmtplib.send(
                message,
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_user,
                password=password.get_secret_value() if password else None,
                use_tls=implicit_tls,
                start_tls=True if needs_tls and not implicit_tls else None,
                timeout=TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            log.warning("mail not sent", subject=subject, error=type(error).__name__)
        else:
            log.info("mail sent", subject=subject)
