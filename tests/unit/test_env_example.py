"""deploy/.env.example names everything that can be set, and says what holds when it is not."""

import base64
import re
import subprocess
from urllib.parse import urlsplit

import pytest

from parley_local.world import World
from tests.support.deployment import COMPOSE_TEXT, DEPLOY, EXAMPLE, SETTINGS, blocks, names, variables

LINE = re.compile(r"^(# )?([A-Z][A-Z0-9_]*)=(.*)$")
PARSED = [(number, match) for number, line in enumerate(EXAMPLE.splitlines()) if (match := LINE.match(line))]
SHOWN = {match[2]: match[3] for _, match in PARSED if match[1]}
SET = {match[2]: match[3] for _, match in PARSED if not match[1]}


def new_env() -> dict[str, str]:
    """Return what `make deploy/.env` writes."""
    script = ["/bin/sh", str(DEPLOY / "new-env.sh")]
    written = subprocess.run(script, capture_output=True, check=True, text=True).stdout  # noqa: S603  # our own script
    return {match[2]: match[3] for line in written.splitlines() if (match := LINE.match(line)) and not match[1]}


def test_every_variable_stands_in_the_example_and_no_other() -> None:
    read = {name for service in SETTINGS for name in names(service)}
    interpolated = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    inside_containers = {"HOST"}
    assert SHOWN.keys() | SET.keys() == (read | interpolated) - inside_containers


def test_every_variable_has_a_comment() -> None:
    lines = EXAMPLE.splitlines()
    for number, match in PARSED:
        above = number - 1
        while LINE.match(lines[above]):
            above -= 1
        assert re.match(r"# [^=]", lines[above]), match[2]


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_shown_value_is_what_holds_without_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_compose = dict(re.findall(r"\$\{(\w+):-((?:\$\{\w+[^}]*\}|[^${}])*)\}", COMPOSE_TEXT))
    if name in by_compose:
        assert re.sub(r":\?[^}]*", "", by_compose[name]) == SHOWN[name]
        return
    for block in {block for service in SETTINGS for block in blocks(service) if name in variables(block)}:
        field = variables(block)[name]
        default = block.model_fields[field].get_default(call_default_factory=True, validated_data={})
        for required in (other for other, held in variables(block).items() if block.model_fields[held].is_required()):
            monkeypatch.setenv(required, "given")
        monkeypatch.setenv(name, SHOWN[name])
        if not block.model_fields[field].is_required():
            assert getattr(block(), field) == default


def test_sandbox_has_the_same_paths_as_in_the_local_world(servers: World) -> None:
    given = servers.environment()
    urls = {name for name in SET.keys() & given.keys() if name.endswith("_URL")}
    assert {name: urlsplit(SET[name])[0::2] for name in urls} == {name: urlsplit(given[name])[0::2] for name in urls}


def test_new_settings_hold_fresh_secrets() -> None:
    one, other = new_env(), new_env()
    assert all(one.values())
    assert {name for name in one if one[name] != other[name]} == {name for name, value in SET.items() if not value}
    assert len(base64.b64decode(one["PARLEY_SECRET_KEY"], validate=True)) == 32
