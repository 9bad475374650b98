"""One JSON line a thing that happened, on stdout; numbers, credentials and spoken words never reach it."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import stamina
import structlog
from stamina.instrumentation import RetryDetails
from structlog.typing import EventDict, WrappedLogger

_PHONE_NUMBER = re.compile(r"(?<![\w.])\+\d{4,15}\b|(?<=tel:)\d{4,15}|(?<=sip:)\+?\d{4,15}")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+@")
_API_KEY = re.compile(r"lvk_[A-Za-z0-9_-]{10,}")
_SPOKEN = frozenset({"text", "transcript", "message_text", "instructions", "prompt", "user_transcript", "input_value"})
_QUIET = (
    "aiormq",
    "aio_pika",
    "httpx",
    "httpcore",
    "httpx2",
    "httpcore2",
    "botocore",
    "boto3",
    "urllib3",
    "s3transfer",
    "pymongo",
    "openai",
)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Structlog processor: blank out what must not be written, wherever in the event it stands."""
    return {key: "[redacted]" if key in _SPOKEN else _clean(value) for key, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _API_KEY.sub("lvk_[redacted]", _CREDENTIALS.sub("[redacted]@", _PHONE_NUMBER.sub("[number]", value)))
    if isinstance(value, Mapping):
        return {key: "[redacted]" if key in _SPOKEN else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and the standard library through the same pipe. Call once, before anything logs."""

    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    stamina.instrumentation.set_on_retry_hooks([_tell_of_retry])


def _tell_of_retry(details: RetryDetails) -> None:
    """Say that something is tried again; stamina's own line shows what it was called with, words and numbers too."""
    structlog.get_logger().warning(
        "tried again soon",
        what=details.name,
        failures=details.retry_num,
        error=type(details.caused_by).__name__,
        seconds=round(details.wait_for, 2),
    )
