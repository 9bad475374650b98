"""LiveKit's RPC dialect: Twirp over HTTP, protobuf or JSON bodies, JSON errors, bearer tokens."""

from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler
from google.protobuf import json_format
from google.protobuf.message import Message
from livekit import api

from parley_sandbox.settings import SandboxSettings


class TwirpError(Exception):
    """An error answer: LiveKit's code, message and metadata."""

    def __init__(self, code: str, status: int, message: str, meta: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.status, self.message, self.meta = code, status, message, dict(meta or {})

    def response(self) -> web.Response:
        return web.json_response({"code": self.code, "msg": self.message, "meta": self.meta}, status=self.status)


def authorize(request: web.Request, settings: SandboxSettings) -> None:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        api.TokenVerifier(settings.livekit_api_key, settings.secret).verify(token)
    except Exception as error:  # any flaw of a token means the same
        raise TwirpError("unauthenticated", 401, "invalid token") from error


async def parse[M: Message](request: web.Request, message: M) -> M:
    body = await request.read()
    try:
        if request.content_type == "application/json":
            return json_format.Parse(body, message)
        message.ParseFromString(body)
    except Exception as error:  # whatever a parser raises, the body is malformed
        raise TwirpError("malformed", 400, "the body could not be read") from error
    return message


def answer(request: web.Request, message: Message) -> web.Response:
    if request.content_type == "application/json":
        body = json_format.MessageToJson(message, preserving_proto_field_name=True)
        return web.Response(text=body, content_type="application/json")
    return web.Response(body=message.SerializeToString(), content_type="application/protobuf")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except TwirpError as error:
        return error.response()
