"""OpenTelemetry traces, sent when an OTLP endpoint is configured; names of attributes and metrics."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from parley_common.settings import TelemetrySettings

CALL_ID = "parley.call_id"
FLUSH_MILLISECONDS = 2000


def configure(service: str, settings: TelemetrySettings) -> None:
    """Install the exporter; without an endpoint spans stay no-ops and cost nothing."""
    if settings.otel_exporter_otlp_endpoint is None:
        return
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def tracing_enabled() -> bool:
    return isinstance(trace.get_tracer_provider(), TracerProvider)


async def flush() -> None:
    """Send the spans that wait: a process that is forked for one call ends without its exit handlers."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        await asyncio.to_thread(provider.force_flush, FLUSH_MILLISECONDS)


def current_trace() -> dict[str, str]:
    """Return the W3C headers of the current span; empty without one."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


@contextmanager
def span(name: str, call_id: str, parent: dict[str, str]) -> Iterator[None]:
    """Open a span of one call under the trace that the call carries."""
    tracer = trace.get_tracer("parley")
    with tracer.start_as_current_span(name, context=propagate.extract(parent), attributes={CALL_ID: call_id}):
        yield
