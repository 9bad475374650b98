"""`{{ key }}` in prompts: replaced by metadata, in one pass, as it is.

Dots reach into nested objects, `{{ key | fallback }}` gives a value for a missing key. A missing key without a fallback
stays as written and is named. A value that contains `{{x}}` is not expanded again.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_PLACEHOLDER = re.compile(r"\{\{\s*(\w(?:[\w .-]*\w)?)\s*(?:\|([^{}]*))?\}\}")


@dataclass
class Filler:
    """Fills texts from one set of values and remembers what was missing, each key once."""

    values: Mapping[str, object]
    unresolved: list[str] = field(default_factory=list)

    def fill(self, text: str) -> str:
        return _PLACEHOLDER.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        key, fallback = match[1], match[2]
        value = _look_up(self.values, key)
        if value is not None:
            return _written(value)
        if fallback is not None:
            return fallback.strip()
        if key not in self.unresolved:
            self.unresolved.append(key)
        return match[0]


def _look_up(values: Mapping[str, object], key: str) -> object | None:
    """Find a key as it is written, else by its dots; null is as good as missing."""
    if key in values:
        return values[key]
    found: object = values
    for name in key.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
