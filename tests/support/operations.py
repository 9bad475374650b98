"""The operations of the api, read from its own OpenAPI document: a new endpoint is seen without being named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from parley_api.app import make_app

DOCUMENT: dict[str, Any] = make_app().openapi()


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    needs_key: bool
    parameters: Mapping[str, tuple[str, ...]]
    """Names by where they stand: path, query, header."""

    fields: tuple[str, ...]
    """Of the body; none when there is no body."""

    @classmethod
    def read(cls, method: str, path: str, told: Mapping[str, Any]) -> Self:
        parameters = {
            place: tuple(each["name"] for each in told.get("parameters", []) if each["in"] == place)
            for place in ("path", "query", "header")
        }
        return cls(method.upper(), path, "security" in told, parameters, _fields(told))

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, **values: str) -> str:
        return self.path.format(**values)


def _fields(told: Mapping[str, Any]) -> tuple[str, ...]:
    if "requestBody" not in told:
        return ()
    name = told["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return tuple(DOCUMENT["components"]["schemas"][name]["properties"])


OPERATIONS = [
    Operation.read(method, path, told)
    for path, methods in DOCUMENT["paths"].items()
    for method, told in methods.items()
]
