"""Every error, as an HTTP answer. The only place that knows which status an error of ours means."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from structlog.contextvars import get_contextvars

from parley_api.envelope import Failure, FieldError, FieldErrors
from parley_api.reasons import reason_of
from parley_common.errors import IdempotencyKeyReused, LiveKitRefused, ParleyError, Permanent, Transient

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 5
STATUS: Mapping[type[ParleyError], int] = {
    Transient: 503,
    Permanent: 500,
    IdempotencyKeyReused: 409,
    LiveKitRefused: 400,
}
"""The nearest class in an error's ancestry decides."""

_UNAVAILABLE = "Service temporarily unavailable"


class ApiError(Exception):
    """An answer that a rule of the API gives."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None, data: FieldErrors | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers, self.data = status, message, headers, data


def invalid(field: str, reason: str) -> ApiError:
    """Make the 422 of one field."""
    return ApiError(422, "Validation failed", data=FieldErrors(errors=[FieldError(field=field, reason=reason)]))


def install(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ParleyError, _parley_error)
    app.add_exception_handler(Exception, unexpected)


def answer(
    status: int, message: str, data: FieldErrors | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    failure = Failure(message=message, data=data or {})
    return JSONResponse(failure.model_dump(), status_code=status, headers=dict(headers or {}))


def field_errors(errors: Sequence[Mapping[str, Any]]) -> FieldErrors:
    """Name each field by its path in the request, and say what is wrong with it."""
    return FieldErrors(errors=[FieldError(field=_path(error["loc"]), reason=reason_of(error)) for error in errors])


def _path(location: Sequence[str | int]) -> str:
    """Drop where the field was (body, query, header); a place in broken JSON is no field."""
    inside = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    named = any(isinstance(part, str) for part in location[1:]) or location[:1] != ("body",)
    return ".".join(inside) if inside and named else "body"


async def _api_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)  # noqa: S101  # registered for this class
    return answer(error.status, error.message, error.data, error.headers)


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this class
    return answer(422, "Validation failed", field_errors(error.errors()))


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class
    return answer(error.status_code, str(error.detail), headers=error.headers)


async def _parley_error(request: Request, error: Exception) -> JSONResponse:
    match next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS):
        case 503:
            log.warning("request refused", error=type(error).__name__)
            return answer(503, _UNAVAILABLE, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        case 500:
            return await unexpected(request, error)
        case status:
            return answer(status, str(error))


async def unexpected(_request: Request, error: Exception) -> JSONResponse:
    """Say nothing of what went wrong but the id under which the log tells it."""
    log.error("request failed", error=type(error).__name__, exc_info=error)
    request_id = str(get_contextvars().get("request_id", ""))
    failure = Failure(message="Internal server error", data={"request_id": request_id})
    return JSONResponse(failure.model_dump(), status_code=500)
