"""What the client library must not do on its own: repeat a dial."""

import socket
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from parley_common.settings import LiveKitSettings
from parley_dialer import livekit_telephony
from parley_dialer.telephony import Unknown
from tests import factories

GETADDRINFO = socket.getaddrinfo


async def test_dial_over_livekit_cloud_is_sent_once_even_if_the_cloud_fails(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To LiveKit Cloud the library sends a failed request again, to this region or the next (livekit-api 1.2.2)."""
    heard: list[str] = []

    async def fail(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.json_response({"code": "unavailable", "msg": "try again"}, status=503)

    def at_home(_host: str, *rest: Any, **options: Any) -> Any:
        return GETADDRINFO("127.0.0.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", at_home)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fail)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    cloud = LiveKitSettings(
        livekit_url=f"http://parley.livekit.cloud:{unused_tcp_port}",
        livekit_api_key="key",
        livekit_api_secret=SecretStr("s" * 32),
    )
    try:
        async with livekit_telephony.connect(cloud) as telephony:
            assert await telephony.dial(factories.call(), factories.attempt()) == Unknown()
    finally:
        await runner.cleanup()
    assert heard == ["/twirp/livekit.SIP/CreateSIPParticipant"]
