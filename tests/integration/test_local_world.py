"""The local world keeps what runs, says what is in its way, revives what dies, and leaves nothing behind."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from parley_local.parts import Part
from parley_local.settings import Ports
from parley_local.supervision import Supervision
from parley_local.world import World, WorldNotReady
from tests.support.shared_world import TestRun

DEADLINE_SECONDS = 30.0


@pytest.fixture
def small(unused_tcp_port_factory: Callable[[], int], worker_id: str) -> Iterator[World]:
    """A world beside the one of the tests, on ports that nobody uses, of which only quick parts are started."""
    chosen: dict[str, Any] = {name: unused_tcp_port_factory() for name in Ports.model_fields}
    ports = Ports.model_construct(**chosen)
    world = World(f"{TestRun().test_world}-small-{worker_id}", ports)
    yield world
    world.clean()


def twin(world: World) -> World:
    """The same world, as another terminal sees it."""
    return World(world.state.name, world.ports)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)  # noqa: TID251  # waits on the condition above


def test_second_up_keeps_what_runs(small: World) -> None:
    small.up({"redis"})
    redis = small.pid("redis")
    twin(small).up({"s3"})
    assert small.pid("redis") == redis
    assert {name for name, runs in small.running().items() if runs} == {"redis", "s3"}


def test_up_from_another_terminal_changes_no_part(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    small.up({"redis"})
    known = small.state / "supervisord.conf"
    before = known.read_text(encoding="utf-8")
    for name in ("_", "SHLVL", "PWD", "OLDPWD", "TERM"):
        monkeypatch.setenv(name, "another")
    twin(small).up({"redis"})
    assert known.read_text(encoding="utf-8") == before


def test_udp_port_that_is_taken_is_named_too(small: World) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", small.ports.livekit_udp_port))
        with pytest.raises(WorldNotReady, match="LIVEKIT_UDP_PORT"):
            small.up({"redis", "livekit"})


def test_part_sees_just_what_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_USER", "ada")
    told = {"FROM_NAME": 'Ada\'s "best" #1 ; 50% off', "SMTP_PASSWORD": "'\\$HOME`pwd`\n'", "FROM_EMAIL": ""}
    supervision = Supervision(tmp_path)
    (tmp_path / "log").mkdir()
    supervision.begin([Part("sleeper", "sleeper", ("/bin/sleep", "600"), {}, "", environment=told)])
    try:
        supervision.start("sleeper")
        sleeper = psutil.Process(supervision.states()["sleeper"]["pid"])
        until(lambda: sleeper.name() == "sleep")
        seen = sleeper.environ()
    finally:
        supervision.end(["sleeper"])
    assert seen.items() >= told.items()
    assert "SMTP_USER" not in seen


def test_part_starts_from_a_folder_with_an_odd_name(tmp_path: Path) -> None:
    folder = tmp_path / "Ada's 50% folder"
    folder.mkdir()
    (sleeper := folder / "sleeper").symlink_to("/bin/sleep")
    supervision = Supervision(tmp_path)
    (tmp_path / "log").mkdir()
    supervision.begin([Part("sleeper", "sleeper", (str(sleeper), "600"), {}, "")])
    try:
        supervision.start("sleeper")
        process = psutil.Process(supervision.states()["sleeper"]["pid"])
        until(lambda: process.cmdline() == [str(sleeper), "600"])
    finally:
        supervision.end(())


def test_port_that_is_taken_is_named_with_what_to_do(small: World) -> None:
    with socket.create_server(("127.0.0.1", small.ports.redis_port)), pytest.raises(WorldNotReady) as refusal:
        small.up({"redis"})
    assert str(refusal.value) == (
        f"port {small.ports.redis_port} (Redis) is taken: stop what listens there, or set REDIS_PORT to another port"
    )


def test_down_leaves_no_process(small: World) -> None:
    small.up({"redis", "s3"})
    pids = [small.pid("redis"), small.pid("s3"), int((small.state / "supervisord.pid").read_text(encoding="utf-8"))]
    assert all(lives(pid) for pid in pids)
    assert small.down() == ""
    until(lambda: not any(lives(pid) for pid in pids))
    assert small.down() == ""


def lose_supervisor(world: World) -> None:
    """Kill supervisord as a machine does that is out of memory."""
    supervisord = psutil.Process(int((world.state / "supervisord.pid").read_text(encoding="utf-8")))
    supervisord.kill()
    psutil.wait_procs([supervisord])


@pytest.fixture
def reader(small: World) -> Iterator[subprocess.Popen[bytes]]:
    """An operator who follows a log in another terminal."""
    following = ["/usr/bin/tail", "-F", str(small.state / "log" / "redis.log")]
    with subprocess.Popen(following, cwd=small.state, stderr=subprocess.DEVNULL) as reading:  # noqa: S603
        yield reading
        reading.kill()


def test_down_ends_what_lost_its_supervisor_and_nothing_else(small: World, reader: subprocess.Popen[bytes]) -> None:
    small.up({"redis", "documentdb"})
    parts = [small.pid("redis"), small.pid("documentdb")]
    lose_supervisor(small)
    assert all(lives(pid) for pid in parts)
    assert f"{parts[0]} redis-server" in twin(small).down()
    until(lambda: not any(lives(pid) for pid in parts))
    assert reader.poll() is None


def test_up_starts_anew_what_lost_its_supervisor(small: World) -> None:
    small.up({"redis"})
    lost = small.pid("redis")
    lose_supervisor(small)
    twin(small).up({"redis"})
    assert small.pid("redis") != lost
    until(lambda: not lives(lost))


def test_two_ups_at_once_make_one_world(small: World) -> None:
    with ThreadPoolExecutor() as terminals:
        for done in [terminals.submit(twin(small).up, {"redis"}) for _ in range(3)]:
            done.result()
    assert small.running()["redis"]


def test_part_that_is_killed_runs_again(small: World) -> None:
    small.up({"redis"})
    killed = small.pid("redis")
    small.kill("redis")
    until(lambda: small.pid("redis") not in (0, killed))
    twin(small).up({"redis"})
    assert small.running()["redis"]
