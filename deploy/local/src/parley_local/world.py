"""One world: starts its parts in order, waits until they are ready, and leaves no process behind."""

import asyncio
import fcntl
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import httpx

from parley_local import environment, files, secrets, survivors
from parley_local.parts import HOST, PROVISION, PROVISIONED, SERVICES, Part, parts
from parley_local.settings import External, Places, Ports
from parley_local.supervision import Supervision

READY_SECONDS = 90.0
_REPLACED_BY = {
    "RABBITMQ_URL": {"rabbitmq"},
    "MONGODB_URL": {"documentdb", "mongodb"},
    "S3_ENDPOINT_URL": {"s3"},
    "LIVEKIT_URL": {"redis", "livekit"},
    "LIVEKIT_SERVER_URL": {"redis", "livekit"},
}


class WorldNotReady(Exception):
    """A part did not come up; the text says which, why, and what to do."""


class WorldNotStopped(Exception):
    """Processes of the world live on; the text names them."""


class World:
    """The parts of one named world. `report(part, state)` is called as parts come up."""

    def __init__(
        self,
        name: str = "default",
        ports: Ports | None = None,
        *,
        overrides: dict[str, str] | None = None,
        report: Callable[[Part, str], None] = lambda _part, _state: None,
    ) -> None:
        self.ports = ports or Ports()
        self.places = Places()
        self.state = self.places.world(name)
        self._external = External().given() if name == "default" else {}
        self._given = environment.given(self._external) if name == "default" else {}
        self._report = report
        self.state.mkdir(parents=True, exist_ok=True)
        self.secrets = secrets.load(self.state)
        self._overrides = overrides or {}
        self._supervision = Supervision(self.state)
        self._told = environment.inherited() | self.environment()
        self._parts = {
            part.name: part
            for part in parts(self.ports, self.places, self.state, self.secrets, self._told)
            if part.name not in self._replaced()
        }

    def environment(self) -> dict[str, str]:
        """Return what the services of this world read."""
        return environment.own(self.ports, self.secrets) | self._given | self._overrides

    @property
    def parts(self) -> dict[str, Part]:
        return self._parts

    def up(self, names: Collection[str] | None = None) -> None:
        """Start the parts (all of them, or `names`) that do not run, and return when all are ready.

        A part that runs with another environment than it would get now is started again. Of two that come at once,
        the second waits for the first.
        """
        with self._alone():
            running = self.running()
            wanted = [part for name, part in self._parts.items() if names is None or name in names or running[name]]
            files.write(self.state, self.ports, self.secrets)
            if not self._supervision.running():
                self._end_survivors()
            self._refuse_taken_ports(wanted)
            self._supervision.begin(list(self._parts.values()))
            asyncio.run(self._start_in_order(wanted))

    def down(self) -> str:
        """Stop everything, the services before what they work with; harmless when nothing runs.

        Return what ran without a supervisor and was ended, by ids and names. Raises WorldNotStopped.
        """
        with self._alone():
            if self._supervision.running():
                self._supervision.end((*SERVICES, "sandbox"))
            self._end_port_mapper()
            return self._end_survivors()

    def clean(self) -> str:
        """Stop everything, as `down` does, and remove the data."""
        ended = self.down()
        shutil.rmtree(self.state, ignore_errors=True)
        return ended

    def start(self, name: str) -> None:
        """Start one part and wait until it is ready."""
        self._supervision.start(name)
        asyncio.run(self._until_ready(self._parts[name]))

    def stop(self, name: str) -> None:
        self._supervision.stop(name)

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def kill(self, name: str, signum: signal.Signals = signal.SIGKILL) -> None:
        self._supervision.kill(name, signum)

    def pid(self, name: str) -> int:
        return int(self._supervision.states()[name]["pid"])

    def running(self) -> dict[str, bool]:
        """Say of each part whether it runs."""
        if not self._supervision.running():
            return dict.fromkeys(self._parts, False)
        states = self._supervision.states()
        return {name: name in states and states[name]["statename"] == "RUNNING" for name in self._parts}

    def log(self, name: str) -> str:
        file = self._supervision.log(name)
        return file.read_text(errors="replace") if file.exists() else ""

    def provision(self) -> None:
        """Declare the topology of RabbitMQ and the indexes of MongoDB."""
        done = subprocess.run(  # our own module
            [sys.executable, "-m", "parley_common.provision"],
            env=self._told,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise WorldNotReady(f"provisioning RabbitMQ and MongoDB failed:\n{_tail(done.stdout + done.stderr)}")

    async def _start_in_order(self, wanted: list[Part]) -> None:
        """Start each part as soon as what it needs is ready."""
        ready = {name: asyncio.Event() for name in (*(part.name for part in wanted), PROVISION)}

        async def until_ready(names: Collection[str]) -> None:
            await asyncio.gather(*(ready[name].wait() for name in names if name in ready))

        async def bring_up(part: Part) -> None:
            await until_ready(part.needs)
            self._report(part, "starting")
            await asyncio.to_thread(self._supervision.start, part.name)
            await self._until_ready(part)
            self._report(part, "ready")
            ready[part.name].set()

        async def provision() -> None:
            await until_ready(PROVISIONED)
            await asyncio.to_thread(self.provision)
            ready[PROVISION].set()

        async with asyncio.TaskGroup() as group:
            if any(PROVISION in part.needs for part in wanted):
                group.create_task(provision())
            for part in wanted:
                group.create_task(bring_up(part))

    async def _until_ready(self, part: Part) -> None:
        end = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
            while not await _answers(part.ready, http):
                if time.monotonic() > end:
                    tail = _tail(self.log(part.name))
                    raise WorldNotReady(f"{part.title} is not ready after {READY_SECONDS:.0f} s. Its log ends:\n{tail}")
                await asyncio.sleep(0.1)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the world's lock, which the system takes back from a process that dies."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _end_survivors(self) -> str:
        found = survivors.find(self.state)
        ended = survivors.described(found)
        if living := survivors.end(found):
            raise WorldNotStopped(f"these processes do not end: {survivors.described(living)}")
        return ended

    def _end_port_mapper(self) -> None:
        """End Erlang's port mapper, which outlives its node; it refuses while a node lives."""
        subprocess.run(
            ["/usr/bin/env", "epmd", "-kill"],
            env={"PATH": "/usr/lib/rabbitmq/bin:/usr/bin:/bin", "ERL_EPMD_PORT": str(self.ports.epmd_port)},
            capture_output=True,
            check=False,
        )

    def _refuse_taken_ports(self, wanted: list[Part]) -> None:
        running = self.running()
        if "rabbitmq" in running and not running["rabbitmq"]:
            self._end_port_mapper()
        taken = [
            f"port {port} ({part.title}) is taken: stop what listens there, or set {variable} to another port"
            for part in wanted
            if not running[part.name]
            for kind, ports in ((socket.SOCK_STREAM, part.ports), (socket.SOCK_DGRAM, part.udp_ports))
            for variable, port in ports.items()
            if not _free(port, kind)
        ]
        if taken:
            raise WorldNotReady("\n".join(taken))

    def _replaced(self) -> set[str]:
        return set().union(*(_REPLACED_BY.get(variable, set()) for variable in self._external))


async def _answers(probe: str, http: httpx.AsyncClient) -> bool:
    try:
        if probe.startswith("tcp:"):
            _, writer = await asyncio.open_connection(HOST, int(probe.removeprefix("tcp:")))
            writer.close()
            await writer.wait_closed()
            return True
        return (await http.get(probe)).is_success
    except (OSError, httpx.HTTPError):
        return False


def _free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(type=kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind is socket.SOCK_STREAM))
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-15:])
