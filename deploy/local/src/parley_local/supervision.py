"""The process manager: supervisord keeps every part running, and is asked over its socket."""

import os
import shlex
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.states import STOPPED_STATES
from supervisor.xmlrpc import Faults, SupervisorTransport

from parley_local.parts import Part

START_SECONDS = 10.0
STOP_SECONDS = 90.0
"""Longer than any part is waited for before supervisord kills it."""

_SERVER = """[supervisord]
nodaemon=false
logfile={state}/log/supervisord.log
pidfile={state}/supervisord.pid
childlogdir={state}/log
minfds=4096
[unix_http_server]
file={socket}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
_TOLD = Path(__file__).parent / "told.sh"
_PROGRAM = """[program:{name}]
command={command}
environment=PARLEY_TOLD="{environment}"
directory={state}
autostart=false
autorestart=true
startsecs=0
startretries=1000
stopsignal={stop_signal}
stopwaitsecs={stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={state}/log/{name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
"""


class Supervision:
    """One supervisord and the parts it looks after."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._socket = state / "supervisor.sock"

    def begin(self, parts: list[Part]) -> None:
        """Start supervisord when it does not run, and make it know the parts."""
        sections = [_SERVER.format(state=self._state, socket=self._socket)]
        sections += [self._program(part) for part in parts]
        config = self._state / "supervisord.conf"
        config.touch(mode=0o600)
        config.write_text("".join(sections), encoding="utf-8")
        if not self.running():
            supervisord = Path(sys.executable).parent / "supervisord"
            subprocess.run(  # noqa: S603  # its own environment would reach every part
                [str(supervisord), "-c", str(config)], check=True, stdin=subprocess.DEVNULL, env={"PATH": os.defpath}
            )
            _wait_for(self.running, START_SECONDS)
        with self._asking() as supervisor:
            added, changed, removed = supervisor.reloadConfig()[0]
            for name in (*changed, *removed):
                _unless(Faults.NOT_RUNNING, supervisor.stopProcess, name)
                supervisor.removeProcessGroup(name)
            for name in (*added, *changed):
                supervisor.addProcessGroup(name)

    def running(self) -> bool:
        try:
            with self._asking() as supervisor:
                return bool(supervisor.getState()["statename"] == "RUNNING")
        except (OSError, Fault):
            return False

    def start(self, name: str) -> None:
        with self._asking() as supervisor:
            _unless(Faults.ALREADY_STARTED, supervisor.startProcess, name, False)  # noqa: FBT003  # do not wait

    def stop(self, name: str) -> None:
        with self._asking() as supervisor:
            _unless(Faults.NOT_RUNNING, supervisor.stopProcess, name)

    def kill(self, name: str, signum: signal.Signals) -> None:
        """Send a signal to a part's whole process group; supervisord starts again what dies of it."""
        with self._asking() as supervisor:
            supervisor.signalProcessGroup(name, signum.name.removeprefix("SIG"))

    def states(self) -> dict[str, dict[str, Any]]:
        with self._asking() as supervisor:
            return {info["name"]: info for info in supervisor.getAllProcessInfo()}

    def end(self, first: Collection[str]) -> None:
        """Stop `first`, all at once, then everything else, then supervisord, which would stop one after another."""
        with self._asking() as supervisor:
            for name in self._unstopped() & set(first):
                _unless(Faults.NOT_RUNNING, supervisor.stopProcess, name, False)  # noqa: FBT003  # do not wait
            _wait_for(lambda: not self._unstopped() & set(first), STOP_SECONDS)
            supervisor.stopAllProcesses(False)  # noqa: FBT003  # do not wait
            _wait_for(lambda: not self._unstopped(), STOP_SECONDS)
            supervisor.shutdown()
        _wait_for(lambda: not (self._state / "supervisord.pid").exists(), START_SECONDS)

    def _unstopped(self) -> set[str]:
        return {name for name, state in self.states().items() if state["state"] not in STOPPED_STATES}

    def log(self, name: str) -> Path:
        return self._state / "log" / f"{name}.log"

    def _program(self, part: Part) -> str:
        return _PROGRAM.format(
            name=part.name,
            command=_as_line("/bin/sh", str(_TOLD), *part.command),
            environment=_packed(part.environment),
            state=self._state,
            stop_signal=part.stop_signal,
            stop_seconds=part.stop_seconds,
        )

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        with ServerProxy(
            "http://localhost", transport=SupervisorTransport(None, None, f"unix://{self._socket}")
        ) as proxy:
            yield proxy.supervisor


def _packed(environment: Mapping[str, str]) -> str:
    """Return lines for a shell, in characters that supervisord's file may hold."""
    lines = (f"export {name}={shlex.quote(value)}" for name, value in environment.items())
    return b64encode(os.fsencode("\n".join(lines))).decode()


def _as_line(*words: str) -> str:
    return shlex.join(words).replace("%", "%%")


def _unless(expected: int, call: Any, *arguments: object) -> None:
    """Call supervisord; one fault means that there is nothing to do."""
    try:
        call(*arguments)
    except Fault as fault:
        if fault.faultCode != expected:
            raise


def _wait_for(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("supervisord did not answer in time")
        time.sleep(0.05)  # noqa: TID251  # waits on the condition above
