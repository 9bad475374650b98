"""What happens to every request: an id on its answer and its log lines, a limit to its body, a last safety net."""

import re
import time
import uuid

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from parley_api.errors import unexpected

log = structlog.get_logger()

HEADER = "x-request-id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = ("/health", "/ready", "/metrics")
_SECONDS = Histogram("parley_api_request_seconds", "Time to answer a request", ["method", "path", "status"])


class BodyTooLarge(HTTPException):
    """The body is larger than the api takes; an HTTPException, because FastAPI lets only those out of its reading."""

    def __init__(self) -> None:
        super().__init__(413, "Request body too large")


class RequestMiddleware:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        started = time.perf_counter()
        status = 0
        taken = 0

        async def receive_limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body_bytes:
                raise BodyTooLarge
            return message

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive_limited, send_with_id)
            except Exception as error:  # the last edge before the server
                if status:
                    raise
                await (await unexpected(Request(scope), error))(scope, receive, send_with_id)
            if not scope["path"].startswith(_QUIET):
                _tell(scope, status, time.perf_counter() - started)


def _tell(scope: Scope, status: int, seconds: float) -> None:
    method, path = scope["method"], _route(scope)
    _SECONDS.labels(method, path, status).observe(seconds)
    log.info("request", method=method, path=path, status=status, milliseconds=round(seconds * 1000, 1))


def _request_id(headers: Headers) -> str:
    given = headers.get(HEADER, "")
    return given if _SANE.fullmatch(given) else uuid.uuid4().hex


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return getattr(route, "path", None) or "unmatched"
