"""The scribe: every public event in its owner's journal, in the order in which it was told."""

import asyncio
import json
from typing import Any

from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.db.journal import BEGINNING, Entry, Journal
from parley_common.db.retention import Retention
from parley_common.errors import BrokerUnavailable, DatabaseUnavailable
from parley_common.events import CallAnswered, CallEnded, CallRinging
from parley_common.ids import EventId, OwnerId
from parley_common.recordings import Recording, RecordingStatus
from parley_common.s3 import RecordingLinks
from parley_webhooks.journaling import Scribe
from parley_webhooks.reporting import Reporter
from tests import factories
from tests.support.mailroom import BUCKET, Mailroom

REPORTER = Reporter(RecordingLinks(BUCKET))


class Faltering(Journal):
    """A journal that cannot be reached at first."""

    def __init__(self, database: Database, failures: int) -> None:
        super().__init__(database)
        self.failures = failures

    async def append(self, entry: Entry) -> bool:
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailable("not yet")
        return await super().append(entry)


async def told(mailroom: Mailroom, owner: OwnerId) -> list[dict[str, Any]]:
    return [json.loads(entry.body) for entry in await mailroom.journal.after(owner, BEGINNING)]


async def test_event_that_has_to_wait_for_the_database_is_not_overtaken(database: Database, mailroom: Mailroom) -> None:
    call = factories.call()
    scribe = Scribe(Calls(database), Faltering(database, failures=2), Retention(database), REPORTER, mailroom.ring)
    ringing = CallRinging.of(call, event_id=EventId("evt_1"), seq=1)
    answered = CallAnswered.of(call, event_id=EventId("evt_2"), seq=2, answered_at=now())
    await asyncio.gather(scribe.note(ringing), scribe.note(answered))
    assert [body["data"]["seq"] for body in await told(mailroom, call.owner_id)] == [1, 2]
    assert mailroom.rung == [call.owner_id] * 2


async def test_event_is_written_though_nobody_can_be_told(database: Database, mailroom: Mailroom) -> None:
    async def mute(_: OwnerId) -> None:
        raise BrokerUnavailable("away")

    call = factories.call()
    await Scribe(Calls(database), mailroom.journal, Retention(database), REPORTER, mute).note(CallRinging.of(call))
    assert [body["type"] for body in await told(mailroom, call.owner_id)] == ["call.ringing"]


async def test_event_that_comes_again_wakes_nobody(mailroom: Mailroom) -> None:
    ringing = CallRinging.of(factories.call())
    await mailroom.scribe.note(ringing)
    await mailroom.scribe.note(ringing)
    assert mailroom.rung == [ringing.owner_id]


async def test_end_is_told_at_once_as_the_report_that_it_is_by_then(mailroom: Mailroom) -> None:
    call, _ = await mailroom.end(None, recording=Recording(status=RecordingStatus.PROCESSING))
    await mailroom.scribe.note(CallEnded.of(call))
    (body,) = await told(mailroom, call.owner_id)
    assert (body["type"], body["data"]["recording_status"]) == ("call.ended", "processing")
    assert body["data"]["call_id"] == call.call_id
