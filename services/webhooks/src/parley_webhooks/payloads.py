"""The bodies that customers get: one envelope, and in it what the type of the event has to say."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from parley_common.calls import Call
from parley_common.clock import iso
from parley_common.db.deliveries import REPORT
from parley_common.endpoints import DisabledReason, EndpointHealth, Notice
from parley_common.events import AnalysisFailed, AnalysisReady, CallEnded, Event, RecordingFailed, RecordingReady
from parley_common.s3 import Link
from parley_webhooks.reports import CallReport, Moment, report

_MESSAGES = {
    REPORT: "Call details fetched successfully",
    "recording.ready": "Call recording ready",
    "recording.failed": "Call recording failed",
    "analysis.ready": "Call analysis ready",
    "analysis.failed": "Call analysis failed",
}
TOLD_BY_THE_CALL = frozenset({CallEnded, RecordingReady, RecordingFailed, AnalysisReady, AnalysisFailed})
"""Events whose payload is the report of their call."""

ENVELOPE = {"event_id", "owner_id", "type", "occurred_at"}


class EndpointReport(BaseModel):
    """What is wrong with an endpoint."""

    endpoint_id: str
    failures: int
    failing_since: Moment | None
    disabled_at: Moment | None
    disabled_reason: DisabledReason | None


class Payload[T](BaseModel):
    """The body of a POST."""

    success: Literal[True] = True
    message: str
    type: str
    timestamp: Moment
    data: T


def payload(call: Call, event_type: str, occurred_at: datetime, link: Link | None = None) -> Payload[CallReport]:
    """Tell all that is known about a call that is over; `link` opens its recording."""
    return Payload(message=_MESSAGES[event_type], type=event_type, timestamp=occurred_at, data=report(call, link))


def event_payload(event: Event) -> Payload[dict[str, Any]]:
    """Tell what happens during a call."""
    told = event.model_dump(exclude=ENVELOPE)
    return Payload(message=_words(event.name()), type=event.name(), timestamp=event.occurred_at, data=_plain(told))


def notice_payload(notice: Notice, health: EndpointHealth, moment: datetime) -> Payload[EndpointReport]:
    data = EndpointReport.model_validate(health, from_attributes=True)
    return Payload(message=_words(notice), type=notice, timestamp=moment, data=data)


def _words(event_type: str) -> str:
    return event_type.replace(".", " ").replace("_", " ").capitalize()


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in fields.items()}
