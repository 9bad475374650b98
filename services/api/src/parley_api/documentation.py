"""What Swagger says of the whole: the description, and every error with its envelope."""

from typing import Any

from parley_api.envelope import Failure

DESCRIPTION = """Places phone calls that an AI voice agent holds.

Every answer is `{"success", "message", "data"}`. Get a key from `POST /auth/create-key`, send it as `x-api-key` or as
`Authorization: Bearer`. Every answer carries `x-request-id`, the same id as on our log lines of that request.
"""
_FIELD_ERRORS = {"errors": [{"field": "to_number", "reason": "must be E.164: + and 2 to 15 digits, e.g. +15550000000"}]}
_ERRORS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("The request contradicts what is there", "No fields provided for update", {}),
    401: ("The key is missing, unknown, expired or revoked", "Invalid or missing API key", {}),
    404: ("No such thing, or it is somebody else's", "Assistant not found", {}),
    409: ("Somebody was faster", "Idempotency-Key was used for another request", {}),
    413: ("The body is too large", "Request body too large", {}),
    422: ("A field is wrong; its value is not repeated", "Validation failed", _FIELD_ERRORS),
    429: ("Too many requests; see Retry-After", "Too many requests", {}),
    500: ("Our fault; tell us the request id", "Internal server error", {"request_id": "5f0c1b..."}),
    503: ("Nothing was done; see Retry-After", "Service temporarily unavailable", {}),
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "model": Failure,
        "description": description,
        "content": {"application/json": {"example": {"success": False, "message": message, "data": data}}},
    }
    for status, (description, message, data) in _ERRORS.items()
}
