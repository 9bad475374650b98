"""Pages of lists."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query


@dataclass(frozen=True)
class Page:
    """How many, and how many to pass over."""

    limit: int
    offset: int


def _page(
    limit: Annotated[int, Query(ge=1, le=500)] = 100, offset: Annotated[int, Query(ge=0, le=100_000)] = 0
) -> Page:
    return Page(limit, offset)


PageDependency = Annotated[Page, Depends(_page)]
