"""Processes of calls whose worker was killed end, whatever holds them."""

import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


def end_after_worker(seconds: float) -> None:
    """Let this process end, so many seconds after its worker's death, if it has not by itself.

    livekit-agents (1.8.9) leaves one behind for ever whose worker is killed while it starts, for a thread that forwards
    logs, or while it connects to RabbitMQ: it cancels all tasks once, and aio-pika's takes that for a lost connection.
    """
    worker = parent_process()
    if worker is None:
        raise RuntimeError("no worker has started this process")

    def watch() -> None:
        wait([worker.sentinel])
        threading.Event().wait(seconds)
        os._exit(1)

    threading.Thread(target=watch, name="end_after_worker", daemon=True).start()
