"""Every status and every reason of a call is reached by a test on real servers; one that is not fails here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from parley_common.lifecycle import OUTCOMES, CallStatus, EndReason, Fault

TESTS = Path(__file__).parents[1]


def expectations(folder: str) -> Iterator[ast.AST]:
    """Yield what tests assert and what they are parametrized with."""
    for file in (TESTS / folder).glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert):
                yield from ast.walk(node.test)
            elif isinstance(node, ast.AsyncFunctionDef):
                for decorator in node.decorator_list:
                    yield from ast.walk(decorator)


@pytest.fixture(scope="module")
def named() -> set[object]:
    """Every text that a report is held against, and every `EndReason.BUSY` or the like."""
    told = {node.value for node in expectations("e2e") if isinstance(node, ast.Constant)}
    return told | {
        node.attr
        for node in expectations("integration")
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {EndReason.__name__, CallStatus.__name__}
    }


@pytest.mark.parametrize("reached", [*EndReason, *CallStatus])
def test_status_or_reason_is_expected_by_a_test(named: set[object], reached: EndReason | CallStatus) -> None:
    assert {reached.value, reached.name} & named


def test_every_reason_has_its_fault_owner_and_every_owner_a_reason() -> None:
    assert set(OUTCOMES) == set(EndReason)
    assert {fault for _, fault in OUTCOMES.values()} == set(Fault)
