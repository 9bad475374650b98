"""A dial whose request LiveKit took, and whose answer never came: the phone may ring, so nobody dials again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import SecretStr

from parley_common.assistants import Limits
from parley_common.calls import Call
from parley_common.settings import LiveKitSettings
from parley_dialer import livekit_telephony
from parley_dialer.telephony import Unknown
from tests import factories


class SilentLiveKit:
    """Takes requests and keeps its answers; `hangs_up` closes the connection instead."""

    def __init__(self, *, hangs_up: bool) -> None:
        self.requests: list[str] = []
        self._hangs_up = hangs_up

    async def receive(self, request: web.Request) -> web.Response:
        self.requests.append(request.path.rpartition("/")[2])
        await request.read()
        if self._hangs_up:
            assert request.transport is not None
            request.transport.close()
        else:
            await asyncio.sleep(3600)
        return web.Response()


@asynccontextmanager
async def served(livekit: SilentLiveKit, port: int) -> AsyncIterator[LiveKitSettings]:
    app = web.Application()
    app.router.add_post("/{method:.*}", livekit.receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield LiveKitSettings(
        livekit_url=f"ws://127.0.0.1:{port}", livekit_api_key="key", livekit_api_secret=SecretStr("s" * 32)
    )
    await runner.cleanup()


@pytest.fixture
def call() -> Call:
    limits = Limits.model_construct(ringing_timeout_seconds=1)
    return factories.call(assistant=factories.assistant().model_copy(update={"limits": limits}))


@pytest.mark.parametrize(
    "livekit", [SilentLiveKit(hangs_up=True), SilentLiveKit(hangs_up=False)], ids=["connection lost", "no answer"]
)
async def test_answer_that_never_comes_leaves_the_outcome_open_and_sends_no_second_request(
    call: Call, livekit: SilentLiveKit, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit_telephony, "DIAL_MARGIN_SECONDS", 1)
    async with served(livekit, unused_tcp_port) as settings, livekit_telephony.connect(settings) as telephony:
        outcome = await telephony.dial(call, factories.attempt())
    assert outcome == Unknown()
    assert livekit.requests == ["CreateSIPParticipant"]
