"""The process of a call ends, whatever has become of its worker."""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import psutil
import pytest
from livekit.agents.ipc.log_queue import LogQueueHandler
from livekit.agents.utils.aio.duplex_unix import _Duplex

from parley_agent.job import end_after_worker

DEADLINE_SECONDS = 60.0
SPAWNING = multiprocessing.get_context("spawn")


def break_off_its_start() -> None:
    """Fall as a process of livekit-agents does when its worker is gone before it has answered."""
    ours, _ = socket.socketpair()
    logging.getLogger().addHandler(LogQueueHandler(_Duplex.open(ours)))
    raise BrokenPipeError


def take_no_cancel() -> None:
    """Go on as aio-pika does when it is canceled while it connects."""

    async def connect() -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    asyncio.run(asyncio.wait_for(connect(), 0.1))


def job(told: Connection, hang: Callable[[], None]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_after_worker(0.1)
    told.send(os.getpid())
    hang()


def worker(told: Connection, hang: Callable[[], None]) -> None:
    SPAWNING.Process(target=job, args=(told, hang)).start()
    signal.pause()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("hang", [break_off_its_start, take_no_cancel])
def test_process_that_would_never_end_outlives_its_worker_by_little(hang: Callable[[], None]) -> None:
    heard, told = SPAWNING.Pipe()
    its_worker = SPAWNING.Process(target=worker, args=(told, hang))
    its_worker.start()
    process = psutil.Process(heard.recv())
    its_worker.kill()
    try:
        process.wait(DEADLINE_SECONDS)
    finally:
        with suppress(psutil.NoSuchProcess):
            process.kill()
