"""Every contract is kept twice: by the fake, and by the real thing."""

import pytest

from parley_common.settings import LiveKitSettings


@pytest.fixture(params=["fake", "livekit"])
def livekit(request: pytest.FixtureRequest) -> LiveKitSettings | None:
    """Return where the real server is, or None for the fake."""
    if request.param == "fake":
        return None
    settings: LiveKitSettings = request.getfixturevalue("livekit_settings")
    return settings
