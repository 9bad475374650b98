"""How mail is handed to a server that asks who we are."""

from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from parley_common.mail import Mailer
from parley_common.settings import SmtpSettings
from tests.support.postbox import postbox_at

REMOTE = "127.0.0.2"
"""Not one of the names of this machine."""


class Doorkeeper:
    """Lets in whoever says a user and a password, and keeps them."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def __call__(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        if isinstance(data, LoginPassword):
            self.told.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)


@pytest.fixture
def doorkeeper() -> Doorkeeper:
    return Doorkeeper()


def settings_of(host: str, port: int) -> SmtpSettings:
    return SmtpSettings.model_validate(
        {"smtp_host": host, "smtp_port": port, "smtp_user": "parley", "smtp_password": "secret"}
    )


async def deliver(settings: SmtpSettings) -> None:
    mailer = Mailer(settings)
    mailer.send_soon("ada@example.com", "Key created", "A key was created.")
    await mailer.drain()


async def test_server_that_asks_is_told_user_and_password(unused_tcp_port: int, doorkeeper: Doorkeeper) -> None:
    with postbox_at(unused_tcp_port, authenticator=doorkeeper, auth_require_tls=False) as box:
        await deliver(settings_of("127.0.0.1", unused_tcp_port))
    assert doorkeeper.told == [("parley", "secret")]
    assert len(box.mails) == 1


async def test_password_does_not_travel_without_tls(unused_tcp_port: int, doorkeeper: Doorkeeper) -> None:
    with postbox_at(unused_tcp_port, host=REMOTE, authenticator=doorkeeper, auth_require_tls=False) as box:
        await deliver(settings_of(REMOTE, unused_tcp_port))
    assert doorkeeper.told == []
    assert box.mails == []
