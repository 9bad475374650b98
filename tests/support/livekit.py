"""The LiveKit server itself, to look at what really happened there."""

from livekit import api

from parley_common.settings import LiveKitSettings


def livekit_api(settings: LiveKitSettings) -> api.LiveKitAPI:
    return api.LiveKitAPI(
        settings.livekit_url, settings.livekit_api_key, settings.livekit_api_secret.get_secret_value()
    )
