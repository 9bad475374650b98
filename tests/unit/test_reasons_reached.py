"""Every status and every reason of a call is reached by a test on real servers; one that is not fails here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from parley_common.lifecycle import OUTCOMES, CallStatus, EndReason, Fault

TESTS = Path(__file__).parents[1]
ON_REAL_SERVERS = ("e2e", "integration")


def expectations() -> Iterator[ast.AST]:
    """Yield what tests assert and what they are parametrized with."""
    for folder in ON_REAL_SERVERS:
        for file in (TESTS / folder).glob("test_*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Assert):
                    yield node.test
                elif isinstance(node, ast.AsyncFunctionDef):
                    yield from node.decorator_list


@pytest.fixture(scope="module")
def named() -> set[object]:
    """Every text, and every attribute such as BUSY, that a test expects."""
    nodes = [node for expectation in expectations() for node in ast.walk(expectation)]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return texts | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("reached", [*EndReason, *CallStatus])
def test_status_or_reason_is_expected_by_a_test(named: set[object], reached: EndReason | CallStatus) -> None:
    assert {reached.value, reached.name} & named


def test_every_reason_has_its_fault_owner_and_every_owner_a_reason() -> None:
    assert set(OUTCOMES) == set(EndReason)
    assert {fault for _, fault in OUTCOMES.values()} == set(Fault)
