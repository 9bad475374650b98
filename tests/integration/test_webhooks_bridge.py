"""What is passed on to integrators: the bodies of webhooks, at once, and again when it failed."""

import json
from datetime import timedelta
from typing import Any

import pytest
from faststream.rabbit import RabbitBroker

from parley_common import broker, topology
from parley_common.db.journal import BEGINNING
from parley_common.events import CallRinging, RecordingReady
from parley_common.recordings import Recording, RecordingStatus
from parley_common.settings import RabbitSettings
from parley_webhooks.handlers import router
from tests import factories
from tests.fakes.endpoint import Endpoint
from tests.support.customer import until
from tests.support.mailroom import Mailroom


async def test_event_of_a_call_is_passed_on_as_it_is_posted(mailroom: Mailroom, customer: Endpoint) -> None:
    await mailroom.listen(customer.url)
    await mailroom.fanout.tell(CallRinging.of(factories.call()))
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    assert mailroom.passed.events == [(posted.headers["webhook-id"], posted.json)]


async def test_report_is_passed_on_as_it_is_posted(mailroom: Mailroom, customer: Endpoint) -> None:
    await mailroom.end(customer.url)
    await mailroom.deliver_now()
    (posted,) = await customer.received()
    assert mailroom.passed.events == [(posted.headers["webhook-id"], posted.json)]


async def test_report_on_every_way_has_the_link_that_its_assistant_asks_for(mailroom: Mailroom) -> None:
    recording = Recording(status=RecordingStatus.READY, key="recordings/c.ogg", path="https://b.test/c.ogg")
    assistant = factories.assistant(end_call_url=None, recording_link_hours=48)
    call, ended = await mailroom.end(None, assistant=assistant, recording=recording)
    await mailroom.scribe.note(ended)
    (entry,) = await mailroom.journal.after(call.owner_id, BEGINNING)
    (_, passed) = mailroom.passed.events[0]
    for body in (passed, json.loads(entry.body)):
        assert "recordings/c.ogg" in body["data"]["recording_url"]


async def test_report_waits_for_no_recording_and_the_recording_brings_it_whole(mailroom: Mailroom) -> None:
    call, _ = await mailroom.end(None, recording=Recording(status=RecordingStatus.RECORDING))
    noted = await mailroom.note_recording(call, Recording(status=RecordingStatus.READY, path="https://b.test/c.ogg"))
    ready = RecordingReady.of(noted, path="https://b.test/c.ogg", size_bytes=1, duration_seconds=1.0)
    await mailroom.fanout.complete_report(ready)
    bodies = [body for _, body in mailroom.passed.events]
    assert [(body["type"], body["data"]["recording_status"]) for body in bodies] == [
        ("call.ended", "processing"),
        ("recording.ready", "ready"),
    ]
    assert bodies[1]["data"]["recording_path"] == "https://b.test/c.ogg"


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "RETRY_TIERS", (timedelta(seconds=1),))


async def test_event_that_could_not_be_passed_on_comes_again_and_is_posted_once(
    quick_retries: None, mailroom: Mailroom, customer: Endpoint, rabbit: RabbitSettings, publishes: RabbitBroker
) -> None:
    listener = await mailroom.listen(customer.url)
    mailroom.passed.failures = 1
    consumes = broker.consumer(rabbit, "webhooks", publishes, {"fanout": mailroom.fanout})
    consumes.include_router(router)
    await consumes.start()
    event = CallRinging.of(factories.call())
    await broker.publish_event(publishes, event.model_dump(mode="json"))
    passed = await until(lambda: noted(mailroom))
    await consumes.stop()
    assert [event_id for event_id, _ in passed] == [event.event_id]
    assert mailroom.passed.failures == 0
    assert [owed.event_id for owed in await mailroom.owed_to(listener.endpoint_id)] == [event.event_id]


async def noted(mailroom: Mailroom) -> list[tuple[str, dict[str, Any]]]:
    return mailroom.passed.events
