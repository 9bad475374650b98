"""An installation that cannot succeed says so before it begins, and what to do."""

from pathlib import Path

import pytest

from parley_local.installing import GO, GO_NEEDED, CannotInstall, missing
from parley_local.settings import Places
from tests.support.deployment import DEPLOY

NEEDED = ".".join(map(str, GO_NEEDED))


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only Go of this machine, which is still to be written."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "go"


def has(go: Path, version: str) -> None:
    go.write_text(f"#!/bin/sh\necho go version {version} linux/amd64\n", encoding="utf-8")
    go.chmod(0o755)


def titles(cache: Path) -> str:
    return " ".join(installation.title for installation in missing(Places(cache=cache)))


@pytest.mark.parametrize("version", ["go1.19.8", "go1.25.1", "go1.9.7"])
def test_go_that_is_too_old_is_refused_before_anything_is_installed(go: Path, version: str, tmp_path: Path) -> None:
    has(go, version)
    with pytest.raises(CannotInstall, match=f"Go {NEEDED} or newer .* this is {version.replace('go', 'Go ')[:-2]}"):
        next(missing(Places(cache=tmp_path)))


def test_go_that_is_missing_is_asked_for_before_anything_is_installed(go: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotInstall, match=r"none was found: install it as https://go\.dev"):
        next(missing(Places(cache=tmp_path)))


@pytest.mark.parametrize("version", [f"go{NEEDED}", f"go{NEEDED}.8", "go2.0", "devel go1.30-abcdef"])
def test_go_that_is_new_enough_builds(go: Path, version: str, tmp_path: Path) -> None:
    has(go, version)
    assert titles(tmp_path).count("Go build") == len(GO)


def test_nobody_needs_go_once_all_is_built(go: Path, tmp_path: Path) -> None:
    places = Places(cache=tmp_path)
    places.tools.mkdir()
    for name in GO:
        (places.tools / name).touch()
    assert "Go build" not in titles(tmp_path)


def test_readme_names_the_go_that_is_needed() -> None:
    assert f"{NEEDED} or newer" in (DEPLOY.parent / "README.md").read_text(encoding="utf-8")
