"""A worker starts in a few lines: logs, traces, health and stop come from one call."""

from pathlib import Path

import pytest

SERVICES = sorted((Path(__file__).parents[2] / "services").iterdir())
MOST_LINES = 50


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_service_starts_in_fewer_than_fifty_lines(service: Path) -> None:
    start = service / "src" / f"parley_{service.name}" / "__main__.py"
    assert len(start.read_text(encoding="utf-8").splitlines()) < MOST_LINES
