"""The process of a call ends, whatever has become of its worker."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import psutil
import pytest

from parley_agent.orphans import end_after_worker

DEADLINE_SECONDS = 60.0
SPAWNING = multiprocessing.get_context("spawn")


def leave_a_thread_waiting() -> None:
    """Fall as a process of livekit-agents does whose worker is gone before it has started: its logs wait on."""
    threading.Thread(target=threading.Event().wait).start()
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
@pytest.mark.parametrize("hang", [leave_a_thread_waiting, take_no_cancel])
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
