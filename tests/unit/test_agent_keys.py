"""How single keys become what the callee has entered."""

import asyncio

import pytest

from parley_agent import keys
from parley_agent.keys import Keys


async def test_hash_key_ends_an_entry_at_once() -> None:
    entries: list[str] = []
    pressed = Keys(entries.append)
    for key in "12#9#":
        pressed.press(key)
    assert entries == ["1 2 #", "9 #"]


async def test_pause_ends_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "PAUSE_SECONDS", 0.01)
    entered: asyncio.Queue[str] = asyncio.Queue()
    pressed = Keys(entered.put_nowait)
    for key in "42":
        pressed.press(key)
    async with asyncio.timeout(5):
        assert await entered.get() == "4 2"
