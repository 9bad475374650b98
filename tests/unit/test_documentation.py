"""The documentation cannot lie: what can be generated is generated."""

from pathlib import Path

import pytest

from parley_common.catalogue import ROOT, pages


@pytest.mark.parametrize("page", ["docs/events.md", "ARCHITECTURE.md"])
def test_generated_page_is_current(page: str) -> None:
    stands = (ROOT / page).read_text(encoding="utf-8")
    assert stands == pages()[Path(page)], "run python -m parley_common.catalogue"
