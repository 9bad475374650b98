"""Processes of a world that outlived the supervisord that looked after them: found from the outside, and ended."""

import time
from collections.abc import Collection
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil

LEAVING_SECONDS = 3.0
ENDING_SECONDS = 15.0


def find(state: Path) -> list[psutil.Process]:
    """Return the processes of the world in `state` that do not end by themselves in a moment."""
    return _after([process for process in psutil.process_iter(["name"]) if _belongs(process, state)], LEAVING_SECONDS)


def end(processes: Collection[psutil.Process]) -> list[psutil.Process]:
    """Ask them to end, parents only, then force all that are still there; return those that live on."""
    pids = {process.pid for process in processes}
    for process in processes:
        with suppress(psutil.Error):
            if process.ppid() not in pids:
                process.terminate()
    living = _after(processes, ENDING_SECONDS)
    for process in living:
        with suppress(psutil.Error):
            process.kill()
    return _after(living, ENDING_SECONDS)


def described(processes: Collection[psutil.Process]) -> str:
    """Name what `find` returned, by ids and programs."""
    return ", ".join(f"{process.pid} {process.info['name']}" for process in processes)


def _belongs(process: psutil.Process, state: Path) -> bool:
    """Supervisord tells its children where it is; only PostgreSQL does not pass it on, but names its folder."""
    with suppress(psutil.Error):
        if ("-D", str(state / "documentdb")) in pairwise(process.cmdline()):
            return True
        return bool(process.environ().get("SUPERVISOR_SERVER_URL") == f"unix://{state / 'supervisor.sock'}")
    return False


def _after(processes: Collection[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return those that live on when so much time has passed; at once when none does."""
    until = time.monotonic() + seconds
    while (living := [process for process in processes if _lives(process)]) and time.monotonic() < until:
        time.sleep(0.05)  # noqa: TID251  # waits on the condition above
    return living


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
