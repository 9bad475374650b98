"""Writes docs/openapi.json: `python -m parley_api.openapi`."""

import json
from pathlib import Path

from parley_api.app import make_app

FILE = Path("docs/openapi.json")


def written() -> str:
    return json.dumps(make_app().openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    FILE.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
