"""Pages of lists; without parameters a list comes whole, up to a thousand, as it did before there were pages."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query


@dataclass(frozen=True)
class Page:
    """How many, and how many to pass over."""

    limit: int
    offset: int


async def _page(
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000, offset: Annotated[int, Query(ge=0, le=100_000)] = 0
) -> Page:
    return Page(limit, offset)


PageDependency = Annotated[Page, Depends(_page)]
