"""Closes a session, whatever comes of it: the report of the call must go out."""

import asyncio
from typing import Protocol

import structlog

log = structlog.get_logger()

CLOSE_SECONDS = 10.0


class Closable(Protocol):
    """An AgentSession, seen from its end."""

    async def aclose(self) -> None: ...


async def close(session: Closable) -> None:
    """Wait for the end at most CLOSE_SECONDS; only a cancellation that is meant for us gets through.

    A dead provider's error surfaces here once more and has been reported already. The cancellation of a task inside
    livekit-agents (1.8.9) surfaces here too, when a turn is ended and the model begins to answer it.
    """
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await session.aclose()
    except asyncio.CancelledError as error:
        if (ourselves := asyncio.current_task()) is not None and ourselves.cancelling():
            raise
        _tell(error)
    except Exception as error:  # noqa: BLE001  # whatever it raises
        _tell(error)


def _tell(error: BaseException) -> None:
    log.info("session closed with an error", error=type(error).__name__)
