"""What was said, and what it came to, is looked for in the call, and in what its customer got."""

from typing import Any

import pytest

from tests.faults.findings import analyses_missing, words_lost

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


@pytest.mark.parametrize(
    ("said", "told", "missing"),
    [
        ([HELLO], ["ready"], []),
        ([HELLO], ["processing", "ready"], []),
        ([HELLO], ["processing"], ["call_1"]),
        ([HELLO], ["failed"], ["call_1"]),
        ([], ["failed"], []),
    ],
)
def test_analysis_is_missing_unless_the_customer_is_told_of_it(
    said: list[dict[str, Any]], told: list[str], missing: list[str]
) -> None:
    calls: list[dict[str, Any]] = [
        {"_id": "call_1", "answered_at": "then", "transcript": said},
        {"_id": "call_2", "answered_at": None, "transcript": []},
    ]
    assert analyses_missing(calls, [{"call_id": "call_1", "analysis_status": status} for status in told]) == missing
