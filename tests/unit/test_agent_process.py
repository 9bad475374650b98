"""The process of a call ends, whatever has become of its worker."""

import logging
import multiprocessing
import socket

import pytest
from livekit.agents.ipc.log_queue import LogQueueHandler
from livekit.agents.utils.aio.duplex_unix import _Duplex

from parley_agent.job import end_though_logs_wait

DEADLINE_SECONDS = 60.0


def broken_off() -> None:
    """Start as livekit-agents lets a process start, and fall as it does when its worker is gone."""
    ours, _ = socket.socketpair()
    logging.getLogger().addHandler(LogQueueHandler(_Duplex.open(ours)))
    end_though_logs_wait()
    raise BrokenPipeError


@pytest.mark.timeout(150)
def test_process_whose_worker_was_killed_while_it_started_ends() -> None:
    process = multiprocessing.get_context("spawn").Process(target=broken_off)
    process.start()
    process.join(DEADLINE_SECONDS)
    lives = process.is_alive()
    process.kill()
    assert not lives
