"""A report waits for its analysis as it waits for its recording, and what is late follows in an event of its own."""

from datetime import timedelta
from typing import Any

import pytest

from parley_common.analyses import Analysis, AnalysisFailure, Findings
from parley_common.assistants import AnalysisPlan
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.errors import TooEarly
from parley_common.events import AnalysisFailed, AnalysisReady, CallEnded, RecordingReady
from parley_common.recordings import Recording, RecordingStatus
from tests import factories
from tests.fakes.endpoint import Endpoint
from tests.support.mailroom import Mailroom, claim_one

READY = Recording(status=RecordingStatus.READY, path="https://bucket.test/call.ogg")
OPEN = Recording(status=RecordingStatus.PROCESSING)
RECORDED = {"path": READY.path, "size_bytes": 1, "duration_seconds": 1.0}
FOUND = {"findings": Findings(summary="An order was placed.", successful=True)}


async def talked(mailroom: Mailroom, url: str, recording: Recording = READY) -> tuple[Call, CallEnded]:
    assistant = factories.assistant(end_call_url=url, analysis=AnalysisPlan(enabled=True))
    return await mailroom.end(url, assistant=assistant, recording=recording)


async def analyzed(mailroom: Mailroom, call: Call, **facts: Any) -> Call:
    noted = await mailroom.calls.note(call.call_id, analysis=Analysis(requested_at=now(), **(facts or FOUND)))
    assert noted is not None
    return noted


async def test_report_waits_a_bounded_time_for_its_analysis(mailroom: Mailroom, customer: Endpoint) -> None:
    call, ended = await talked(mailroom, customer.url)
    assert (await mailroom.owed(call)).next_attempt_at == ended.occurred_at + timedelta(seconds=10)
    assert await claim_one(mailroom.deliveries) is None


async def test_analysis_sends_the_waiting_report_at_once(mailroom: Mailroom, customer: Endpoint) -> None:
    call, _ = await talked(mailroom, customer.url)
    await mailroom.fanout.complete_report(AnalysisReady.of(await analyzed(mailroom, call)))
    await mailroom.deliver_now()
    (report,) = await customer.received()
    assert report.json["type"] == "call.ended"
    assert report.json["data"]["analysis"] == {"summary": "An order was placed.", "successful": True, "answers": {}}
    assert report.json["data"]["analysis_status"] == "ready"
    assert await claim_one(mailroom.deliveries) is None


async def test_analysis_that_failed_is_told_so_and_not_waited_for(mailroom: Mailroom, customer: Endpoint) -> None:
    call, _ = await talked(mailroom, customer.url)
    noted = await analyzed(mailroom, call, error=AnalysisFailure.REFUSED)
    await mailroom.fanout.complete_report(AnalysisFailed.of(noted, error="refused"))
    await mailroom.deliver_now()
    (report,) = await customer.received()
    told = tuple(report.json["data"][name] for name in ("analysis", "analysis_status", "analysis_error"))
    assert told == (None, "failed", "refused")


async def test_report_that_lacks_both_waits_for_the_later_one(mailroom: Mailroom, customer: Endpoint) -> None:
    call, _ = await talked(mailroom, customer.url, OPEN)
    noted = await mailroom.note_recording(call, READY)
    await mailroom.fanout.complete_report(RecordingReady.of(noted, **RECORDED))
    assert await claim_one(mailroom.deliveries) is None
    await mailroom.fanout.complete_report(AnalysisReady.of(await analyzed(mailroom, call)))
    assert await claim_one(mailroom.deliveries) is not None


async def test_recording_that_comes_while_a_report_without_either_is_written_is_not_forgotten(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    call, _ = await talked(mailroom, customer.url, OPEN)
    await mailroom.make_due(call)
    assert await claim_one(mailroom.deliveries) is not None
    noted = await mailroom.note_recording(call, READY)
    with pytest.raises(TooEarly):
        await mailroom.fanout.complete_report(RecordingReady.of(noted, **RECORDED))


async def test_late_analysis_follows_in_an_event_of_its_own(mailroom: Mailroom, customer: Endpoint) -> None:
    call, _ = await talked(mailroom, customer.url)
    await mailroom.make_due(call)
    await mailroom.deliver_now()
    ready = AnalysisReady.of(await analyzed(mailroom, call))
    await mailroom.fanout.complete_report(ready)
    await mailroom.fanout.complete_report(ready)
    await mailroom.deliver_now()
    report, late = await customer.received(2)
    assert (report.json["data"]["analysis"], report.json["data"]["analysis_status"]) == (None, "processing")
    assert (late.json["type"], late.json["data"]["analysis"]["successful"]) == ("analysis.ready", True)
    assert late.headers["webhook-id"] == ready.event_id
    assert await claim_one(mailroom.deliveries) is None


@pytest.mark.parametrize("promised", ["recording", "analysis"])
async def test_only_what_a_report_has_promised_follows_it(
    mailroom: Mailroom, customer: Endpoint, promised: str
) -> None:
    call, _ = await talked(mailroom, customer.url, OPEN)
    noted = await (analyzed(mailroom, call) if promised == "recording" else mailroom.note_recording(call, READY))
    await mailroom.make_due(call)
    await mailroom.deliver_now()
    told = AnalysisReady.of(noted) if promised == "recording" else RecordingReady.of(noted, **RECORDED)
    await mailroom.fanout.complete_report(told)
    assert await claim_one(mailroom.deliveries) is None


async def test_endpoint_gets_every_analysis(mailroom: Mailroom, customer: Endpoint) -> None:
    listener = await mailroom.listen(customer.url, "analysis.ready")
    call, _ = await talked(mailroom, customer.url)
    await mailroom.fanout.complete_report(AnalysisReady.of(await analyzed(mailroom, call)))
    assert [owed.event_type for owed in await mailroom.owed_to(listener.endpoint_id)] == ["analysis.ready"]
