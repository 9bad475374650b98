"""The operator's page has a row for each row of the faults table."""

import re
from dataclasses import fields
from pathlib import Path

from tests.faults.findings import Findings

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_operations_page_explains_each_row_of_the_faults_table_in_its_order() -> None:
    section = PAGE.read_text(encoding="utf-8").split("\n## ")[2]
    rows = re.findall(r"^\| ([a-z ]+) \|", section, re.MULTILINE)
    assert rows == ["row", *(field.name.replace("_", " ") for field in fields(Findings))]
