"""What an image holds, without Docker: the steps of the Dockerfile, done for each service, in an environment alone."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from parley_local.settings import Places
from parley_local.world import World
from tests.processes import command
from tests.support.deployment import DEPLOY, DOCKERFILE, SETTINGS, instruction

ROOT = DEPLOY.parent


@dataclass(frozen=True)
class Image:
    """One service, installed as its image has it."""

    service: str
    venv: Path

    @property
    def holds(self) -> dict[str, Distribution]:
        (packages,) = self.venv.glob("lib/python3.*/site-packages")
        return {canonicalize_name(found.name): found for found in distributions(path=[str(packages)])}

    def environment(self, settings: Mapping[str, str], port: int) -> dict[str, str]:
        """What the Dockerfile sets, and what Compose would."""
        path = f"{self.venv}/bin:/usr/bin:/bin"
        mine = {"PATH": path, "HOME": "/tmp", "SERVICE": self.service, "PORT": str(port), "SANDBOX_PORT": str(port)}  # noqa: S108  # as the image has it
        return {**settings, **mine}


def copied(service: str, source: Path) -> Path:
    """Lay out the files that the Dockerfile copies before it installs."""
    for paths in re.findall(r"^COPY ([^-].*)$", DOCKERFILE, re.MULTILINE):
        *wanted, folder = paths.replace("${SERVICE}", service).split()
        for path in wanted:
            if (ROOT / path).is_dir():
                shutil.copytree(ROOT / path, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (source / folder).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, source / folder)
    return source


def install(service: str, source: Path, venv: Path) -> "subprocess.CompletedProcess[str]":
    inherited = dict(os.environ)  # noqa: TID251  # the operator's package index
    path = f"{Places().cache}/uv/bin:{inherited['PATH']}"
    return subprocess.run(  # noqa: S603  # our own script
        ["/bin/sh", str(source / "deploy" / "install.sh"), service, str(venv)],
        env=inherited | {"PATH": path, "UV_PYTHON": sys.executable, "UV_COMPILE_BYTECODE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def declared(holds: Mapping[str, Distribution], root: str) -> set[str]:
    """Follow what a distribution declares, and what that declares in turn."""
    found: set[tuple[str, str]] = set()
    todo = [(root, "")]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for requirement in map(Requirement, holds[name].requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(requirement.name), wanted) for wanted in ("", *requirement.extras)]
    return {name for name, _ in found}


@pytest.fixture(scope="module", params=sorted(SETTINGS))
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp(request.param)
    done = install(request.param, copied(request.param, folder / "src"), folder / "app")
    assert done.returncode == 0, done.stderr
    return Image(request.param, folder / "app")


def test_dockerfile_installs_by_the_script_that_is_tested_here() -> None:
    assert re.search(r'^RUN .* sh deploy/install\.sh "\$\{SERVICE\}" /app$', DOCKERFILE, re.MULTILINE)


def test_image_holds_what_its_service_declares_and_nothing_else(image: Image) -> None:
    common = set() if image.service == "sandbox" else {"parley-common"}
    assert {name for name in image.holds if name.startswith("parley-")} == {f"parley-{image.service}"} | common
    assert set(image.holds) == declared(image.holds, f"parley-{image.service}")


async def test_service_runs_alone_healthy_and_ready(
    image: Image, world: World, environment: dict[str, str], tmp_path: Path, unused_tcp_port: int
) -> None:
    settings = world.environment() | environment | {"LIVEKIT_AGENT_NAME": f"alone-{image.service}"}
    given = image.environment(settings, unused_tcp_port)
    log = tmp_path / f"{image.service}.log"
    async with command(instruction("CMD"), given, unused_tcp_port, log, folder=tmp_path):
        check = await asyncio.create_subprocess_exec(*instruction("HEALTHCHECK"), env=given, stdin=DEVNULL)
        assert await check.wait() == 0


async def test_health_check_fails_where_nothing_answers(image: Image, unused_tcp_port: int) -> None:
    given = image.environment({}, unused_tcp_port)
    check = await asyncio.create_subprocess_exec(*instruction("HEALTHCHECK"), env=given, stdin=DEVNULL, stderr=DEVNULL)
    assert await check.wait() != 0


@pytest.mark.parametrize(("change", "told"), [("sha256:00", "mismatch"), ("", "no trusted hash")])
def test_package_that_is_not_the_locked_one_is_refused(tmp_path: Path, change: str, told: str) -> None:
    source = copied("webhooks", tmp_path / "src")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entry = re.search(r"^anyio==.*\n(?:    --hash.*\n)+", lock, re.MULTILINE)
    assert entry
    changed = re.sub("sha256:..", change, entry[0]) if change else ""
    (source / "requirements.lock").write_text(lock.replace(entry[0], changed), encoding="utf-8")
    done = install("webhooks", source, tmp_path / "app")
    assert done.returncode != 0
    assert "anyio" in done.stderr
    assert told in done.stderr
