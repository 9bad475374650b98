"""The page of webhook events is what the code says."""

from parley_common.endpoints import EVENT_TYPES
from parley_webhooks.examples import PAGE, page


def test_page_of_webhook_events_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make docs"


def test_every_event_type_has_its_section() -> None:
    assert [line for line in page().splitlines() if line.startswith("## ")] == [f"## `{name}`" for name in EVENT_TYPES]
