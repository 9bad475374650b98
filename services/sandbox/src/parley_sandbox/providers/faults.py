"""Faults that a test or a curious operator switches on, one for each provider."""

from enum import StrEnum

from aiohttp import web
from pydantic import BaseModel, ValidationError

PROVIDERS = ("openai", "cartesia", "sarvam")


class FaultKind(StrEnum):
    """What goes wrong: quota and bad_key are told, refuse closes the door, the rest disturbs answers."""

    QUOTA = "quota"
    BAD_KEY = "bad_key"
    REFUSE = "refuse"
    SLOW = "slow"
    DROPPED = "dropped"
    GARBAGE = "garbage"


class Fault(BaseModel):
    """One switched-on fault; `seconds` is the delay of a slow provider."""

    kind: FaultKind
    seconds: float = 3.0


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._active: dict[str, Fault] = {}

    def active(self, provider: str) -> Fault | None:
        return self._active.get(provider)

    def kind(self, provider: str) -> FaultKind | None:
        fault = self._active.get(provider)
        return fault.kind if fault else None

    def routes(self) -> list[web.RouteDef]:
        path = f"/providers/{{provider:{'|'.join(PROVIDERS)}}}/fault"
        return [web.get("/providers", self.list), web.put(path, self.put), web.delete(path, self.delete)]

    async def list(self, _request: web.Request) -> web.Response:
        return web.json_response({name: fault.model_dump(mode="json") for name, fault in self._active.items()})

    async def put(self, request: web.Request) -> web.Response:
        try:
            fault = Fault.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"errors": error.errors(include_url=False, include_input=False)}, status=422)
        self._active[request.match_info["provider"]] = fault
        return web.json_response(fault.model_dump(mode="json"))

    async def delete(self, request: web.Request) -> web.Response:
        self._active.pop(request.match_info["provider"], None)
        return web.Response(status=204)
