"""How LiveKit is reached in a running world."""

from pydantic import SecretStr

from parley_common.settings import LiveKitSettings
from parley_local.world import World


def livekit_of(world: World) -> LiveKitSettings:
    """Return what a service of the world reads: it reaches LiveKit through the sandbox."""
    given = world.environment()
    return LiveKitSettings(
        livekit_url=given["LIVEKIT_URL"],
        livekit_api_key=given["LIVEKIT_API_KEY"],
        livekit_api_secret=SecretStr(given["LIVEKIT_API_SECRET"]),
    )
