"""Every contract is kept twice: by the fake, and by the real thing."""

from collections.abc import AsyncIterator, Callable

import pytest

from parley_common.settings import LiveKitSettings
from tests.support.outside import Sandbox, serving


@pytest.fixture(params=["fake", "livekit"])
def livekit(request: pytest.FixtureRequest) -> LiveKitSettings | None:
    """Return where the real server is, or None for the fake."""
    if request.param == "fake":
        return None
    settings: LiveKitSettings = request.getfixturevalue("livekit_settings")
    return settings


@pytest.fixture
async def sandbox(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Sandbox]:
    """The sandbox alone, without a LiveKit server behind it."""
    async with serving(unused_tcp_port_factory(), unused_tcp_port_factory()) as served:
        yield served
