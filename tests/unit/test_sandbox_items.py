"""Where an item stands in a Realtime conversation."""

from parley_sandbox.providers.items import BEGINNING, Items


def test_item_goes_behind_the_one_it_names_else_to_the_end() -> None:
    items = Items()
    assert items.add({"id": "first"}, None) is None
    assert items.add({"id": "last"}, None) == "first"
    assert items.add({"id": "between"}, "first") == "first"
    assert items.add({"id": "unknown place"}, "never seen") == "last"


def test_item_at_the_beginning_follows_none() -> None:
    items = Items()
    items.add({"id": "first"}, None)
    assert items.add({"id": "earlier"}, BEGINNING) is None
    assert items.last == "first"


def test_removed_item_is_followed_by_nothing() -> None:
    items = Items()
    items.add({"id": "only"}, None)
    items.remove("only")
    assert items.last is None
