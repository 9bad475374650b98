"""Installs what the world is made of: Debian's packages, three Go programs, the database engine."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from parley_local.settings import Places

HERE = Path(__file__).parent
APT = {
    "rabbitmq-server": Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),
    "redis-server": Path("/usr/bin/redis-server"),
    "espeak-ng": Path("/usr/bin/espeak-ng"),
}
GO = {
    "server": "github.com/livekit/livekit-server/cmd/server@v1.13.5",
    "ferretdb": "github.com/FerretDB/FerretDB/v2/cmd/ferretdb@v2.7.0",
    "versitygw": "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
}
GO_NEEDED = (1, 26)
"""What LiveKit's go.mod asks for, the most of the three; Go fetches no newer one by itself here."""

_LOCAL = {"GOTOOLCHAIN": "local"}
NAMES = {"server": "LiveKit server", "ferretdb": "FerretDB", "versitygw": "S3 gateway"}


class CannotInstall(Exception):
    """Something is missing that only the operator can provide; the text says what to do."""


@dataclass(frozen=True)
class Installation:
    """One thing to install: its title for the progress display, and the work."""

    title: str
    run: Callable[[Path], None]
    """Takes the file to which the output goes."""


def missing(places: Places) -> Iterator[Installation]:
    """Yield what has to be installed, in order; nothing when all is there. Raises CannotInstall before the first."""
    programs = [name for name in GO if not (places.tools / name).exists()]
    if programs:
        _require_go()
    packages = [name for name, path in APT.items() if not path.exists()]
    if packages:
        yield Installation(f"Debian packages: {', '.join(packages)}", lambda log: _apt(packages, log))
    if not (places.engine / ".done").exists():
        yield Installation(
            "Database engine (PostgreSQL with DocumentDB)",
            lambda log: _run(["bash", str(HERE / "engine" / "install.sh"), str(places.engine)], log),
        )
    for name in programs:
        yield Installation(f"{NAMES[name]} (Go build, one to three minutes)", partial(_go, GO[name], places.tools))


def _apt(packages: list[str], log: Path) -> None:
    wanted = f"apt-get install {' '.join(packages)}"
    if os.geteuid() != 0:
        raise CannotInstall(f"these Debian packages are missing: run `sudo {wanted}`, then try again")
    environment = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    _run(["apt-get", "-q", "update"], log, environment)
    _run(["apt-get", "-qy", "--no-install-recommends", "install", *packages], log, environment)


def _require_go() -> None:
    go = shutil.which("go")
    found = re.search(r"\bgo(\d+)\.(\d+)", _output([go, "version"], _LOCAL)) if go else None
    if found is None or (int(found[1]), int(found[2])) < GO_NEEDED:
        there = f"this is Go {found[1]}.{found[2]}" if found else "none was found"
        raise CannotInstall(
            f"Go {GO_NEEDED[0]}.{GO_NEEDED[1]} or newer is needed to build LiveKit, FerretDB and the S3 gateway, "
            f"and {there}: install it as https://go.dev/doc/install says, put it first on PATH, then try again"
        )


def _go(module: str, tools: Path, log: Path) -> None:
    _run(["go", "install", module], log, {"GOBIN": str(tools), "CGO_ENABLED": "0", **_LOCAL})


def _output(command: list[str], environment: dict[str, str]) -> str:
    inherited = dict(os.environ)  # noqa: TID251  # as below
    run = subprocess.run(command, env=inherited | environment, capture_output=True, check=False, text=True)  # noqa: S603
    return run.stdout


def _run(command: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
    inherited = dict(os.environ)  # noqa: TID251  # child processes inherit it
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603  # our own commands
            command,
            env=inherited | (environment or {}),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise CannotInstall(f"`{' '.join(command)}` failed:\n{tail}\nThe whole output is in {log}")
