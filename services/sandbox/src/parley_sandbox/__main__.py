"""Starts the sandbox: `python -m parley_sandbox`."""

import asyncio
import gc
import logging
import os
import signal
from contextlib import suppress

import structlog
from aiohttp import web

from parley_sandbox.app import sandbox
from parley_sandbox.settings import SandboxSettings

URGENCY = -10
"""Phones and providers are machines of their own: on a busy laptop they must not stutter because a service starts."""


async def serve(settings: SandboxSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with sandbox(settings) as app:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, settings.host, settings.sandbox_port).start()
        gc.freeze()  # what was loaded stays: audio makes objects so fast that looking through it took a fifth of a core
        structlog.get_logger().info("sandbox ready", port=settings.sandbox_port)
        await stop.wait()
        await runner.cleanup()


if __name__ == "__main__":
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ]
    )
    logging.basicConfig(level=logging.WARNING)
    with suppress(PermissionError):  # the operator may not be root
        os.nice(URGENCY)
    asyncio.run(serve(SandboxSettings()))
