"""Writes docs/openapi.json: `python -m parley_api.openapi [--check]`."""

import json
import sys
from pathlib import Path

from parley_api.app import make_app

FILE = Path("docs/openapi.json")


def written() -> str:
    return json.dumps(make_app().openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    if "--check" not in sys.argv:
        FILE.write_text(written(), encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != written():
        sys.exit(f"{FILE} is stale: run python -m parley_api.openapi")


if __name__ == "__main__":
    main()
