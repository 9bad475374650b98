"""Faults of the SIP service that a test or a curious operator switches on."""

import asyncio
from enum import StrEnum

from aiohttp import web
from pydantic import BaseModel, ValidationError

from parley_sandbox.twirp import TwirpError

LOOKING_SECONDS = 1.0
"""So long the real server looks for a SIP service before it gives up."""


class SipFaultKind(StrEnum):
    """no_node: LiveKit finds no SIP service, no phone rings; answer_lost: phones ring, and who dialed is not told."""

    NO_NODE = "no_node"
    ANSWER_LOST = "answer_lost"


class SipFault(BaseModel):
    """The one that is switched on."""

    kind: SipFaultKind


class SipFaults:
    """The fault in force, if any."""

    def __init__(self) -> None:
        self._active: SipFault | None = None

    def routes(self) -> list[web.RouteDef]:
        return [web.put("/sip/fault", self.put), web.delete("/sip/fault", self.delete)]

    async def put(self, request: web.Request) -> web.Response:
        try:
            self._active = SipFault.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"errors": error.errors(include_url=False, include_input=False)}, status=422)
        return web.json_response(self._active.model_dump(mode="json"))

    async def delete(self, _request: web.Request) -> web.Response:
        self._active = None
        return web.Response(status=204)

    async def find_node(self) -> None:
        """Raise TwirpError when there is none."""
        if self.kind is SipFaultKind.NO_NODE:
            await asyncio.sleep(LOOKING_SECONDS)
            raise TwirpError("unavailable", 503, "no response from servers")

    def lose_answer(self, request: web.Request) -> None:
        """Close the connection before the outcome is said on it."""
        if self.kind is SipFaultKind.ANSWER_LOST and request.transport is not None:
            request.transport.close()

    @property
    def kind(self) -> SipFaultKind | None:
        return self._active.kind if self._active else None
