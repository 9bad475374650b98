"""Whether the process lives, and whether it has what it needs."""

from collections.abc import Mapping

from fastapi import APIRouter, Response
from pydantic import BaseModel

from parley_api.envelope import Envelope
from parley_common.worker import Check, missing_parts


class Readiness(BaseModel):
    """The names of what is missing; empty when all is there."""

    missing: list[str]


def router(checks: Mapping[str, Check]) -> APIRouter:
    """Serve /health and /ready over `checks`, which may still be filled while the process starts."""
    bound = APIRouter(tags=["health"])

    @bound.get("/health")
    async def health() -> Envelope[dict[str, str]]:
        """Say that the process lives."""
        return Envelope(message="Alive", data={})

    @bound.get("/ready", responses={503: {"model": Envelope[Readiness], "description": "Something is missing"}})
    async def ready(response: Response) -> Envelope[Readiness]:
        """Say whether requests can be served; 503 names what is missing."""
        missing = await missing_parts(checks)
        if missing:
            response.status_code = 503
        message = "Something is missing" if missing else "Ready"
        return Envelope(success=not missing, message=message, data=Readiness(missing=missing))

    return bound
