"""The items of a Realtime conversation, in their order."""

import uuid
from typing import Any

type Json = dict[str, Any]

BEGINNING = "root"
"""OpenAI's name for the place in front of every item."""


class Items:
    """What was said and called, each item behind the one that it follows."""

    def __init__(self) -> None:
        self._items: list[Json] = []

    @property
    def last(self) -> str | None:
        return self._items[-1]["id"] if self._items else None

    def add(self, item: Json, after: str | None) -> str | None:
        """Put an item behind another one, or at the end; return the id of the one that it follows now."""
        places = {known["id"]: number for number, known in enumerate(self._items, 1)}
        place = 0 if after == BEGINNING else places.get(after or "", len(self._items))
        self._items.insert(place, item)
        return self._items[place - 1]["id"] if place else None

    def remove(self, item_id: str) -> None:
        self._items = [item for item in self._items if item["id"] != item_id]


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:16]}"
