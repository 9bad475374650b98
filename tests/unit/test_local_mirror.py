"""The database engine comes from the mirror from which the machine installs, however that was set up."""

import subprocess
from pathlib import Path

import pytest

from parley_local.installing import HERE

SOURCES = """# the mirror nearby
Types: deb
URIs: https://nearby.example.com/debian
Suites: bookworm
"""
LIST = """# deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb-src http://sources.example.com/debian bookworm main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://installer.example.com/debian/ bookworm main
deb http://security.example.com/debian-security bookworm-security main
"""


def mirror(apt: Path) -> str:
    script = ["/bin/sh", str(HERE / "engine" / "mirror.sh"), str(apt)]
    return subprocess.run(script, capture_output=True, check=True, text=True).stdout  # noqa: S603  # our own script


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_debian_of_an_image_names_its_mirror(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(SOURCES, encoding="utf-8")
    assert mirror(apt) == "https://nearby.example.com/debian\n"


def test_debian_of_the_installer_names_its_mirror(apt: Path) -> None:
    (apt / "sources.list").write_text(LIST, encoding="utf-8")
    assert mirror(apt) == "http://installer.example.com/debian/\n"


def test_debian_that_names_no_mirror_is_told_to_name_one(apt: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failure:
        mirror(apt)
    assert "set DEBIAN_MIRROR" in failure.value.stderr
