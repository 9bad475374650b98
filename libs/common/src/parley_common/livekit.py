"""LiveKit's API as every adapter reaches it: one way to connect, to wait, and to judge a failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
from livekit import api

from parley_common.errors import LiveKitRefused, LiveKitUnavailable
from parley_common.settings import LiveKitSettings

REQUEST_TIMEOUT_SECONDS = 5.0


def client(settings: LiveKitSettings) -> api.LiveKitAPI:
    """Send each request once: to LiveKit Cloud the library would repeat one that failed, and so ring a phone twice."""
    return api.LiveKitAPI(
        settings.livekit_url,
        settings.livekit_api_key,
        settings.livekit_api_secret.get_secret_value(),
        failover=False,
    )


@asynccontextmanager
async def answering(seconds: float | None = None) -> AsyncIterator[None]:
    """Bound a request and give its failure a verdict: LiveKitUnavailable or LiveKitRefused.

    A key that LiveKit does not know is the operator's to mend, not the customer's. LiveKitAPI's own timeout has no
    effect (livekit-api 1.2.2). LiveKit's text may repeat the request, so only its code is kept.
    """
    try:
        async with asyncio.timeout(seconds or REQUEST_TIMEOUT_SECONDS):
            yield
    except (aiohttp.ClientError, TimeoutError) as error:
        raise LiveKitUnavailable("LiveKit does not answer") from error
    except api.ServerError as error:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status == HTTPStatus.UNAUTHORIZED:
            raise LiveKitUnavailable(f"LiveKit failed: {error.code}") from error
        raise LiveKitRefused(f"LiveKit refused: {error.code}") from error
