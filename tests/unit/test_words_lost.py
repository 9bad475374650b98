"""A turn that was told live is looked for in the call, and in what its customer got."""

from typing import Any

import pytest

from tests.faults.findings import words_lost

HELLO = {"item_id": "item_1", "text": "Hello."}
CHUNK = {"type": "transcript.chunk.v1", "call_id": "call_1", "item_id": "item_1"}


@pytest.mark.parametrize(
    ("kept", "told", "lost"),
    [([HELLO], [HELLO], []), ([], [], ["call_1"]), ([HELLO], [], ["call_1"])],
    ids=["kept and told", "not kept", "kept and not told"],
)
def test_turn_is_lost_unless_it_is_kept_and_told(
    kept: list[dict[str, Any]], told: list[dict[str, Any]], lost: list[str]
) -> None:
    calls = [{"_id": "call_1", "transcript": kept}]
    assert words_lost(calls, [CHUNK], [{"call_id": "call_1", "transcripts": told}]) == lost
