"""Reports follow the end-call URL of their assistant: whoever moves it gets them where they are read now."""

from typing import Any

import pytest

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db.deliveries import DeliveryStatus
from parley_common.errors import DatabaseUnavailable
from parley_common.events import CallEnded, RecordingReady
from parley_common.ids import CallId, EndpointId
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.recordings import Recording, RecordingStatus
from tests.fakes.endpoint import Endpoint
from tests.support.envelope import data_of, refused
from tests.support.front import ASSISTANT, Client, Front
from tests.support.mailroom import Mailroom, claim_one

OLD = ASSISTANT["assistant_end_call_url"]
NEW = "https://new.example.com/calls"


async def accepted(front: Front, owner: Client, **fields: Any) -> Call:
    """Have a call accepted whose assistant reports to the old URL."""
    return await front.services.calls.get(CallId((await owner.call(**fields))["call_id"]))


async def change(owner: Client, call: Call, url: str | None) -> None:
    path = f"/assistant/update/{call.assistant_id}"
    data_of(await owner.send("PATCH", path, {"assistant_end_call_url": url}))


async def end(mailroom: Mailroom, call: Call, **facts: Any) -> Call:
    """Have a call end and its report owed."""
    details: dict[str, Any] = {"end_reason": EndReason.CANCELED, "ended_at": now()} | facts
    ended = await mailroom.calls.advance(call.call_id, CallStatus.CANCELED, **details)
    assert ended is not None
    await mailroom.fanout.owe_report(CallEnded.of(ended))
    return ended


async def report(mailroom: Mailroom, call: Call) -> tuple[DeliveryStatus, str]:
    owed = await mailroom.owed(call)
    return owed.status, owed.url


async def test_report_goes_to_the_url_that_the_assistant_has_when_its_call_ends(
    front: Front, owner: Client, mailroom: Mailroom
) -> None:
    call = await accepted(front, owner)
    await change(owner, call, NEW)
    await end(mailroom, call)
    assert await report(mailroom, call) == (DeliveryStatus.PENDING, NEW)


@pytest.mark.parametrize("url", [OLD, NEW])
async def test_assistant_that_is_deleted_has_its_calls_reported_where_it_last_wished(
    front: Front, owner: Client, mailroom: Mailroom, url: str
) -> None:
    call = await accepted(front, owner)
    await change(owner, call, url)
    data_of(await owner.send("DELETE", f"/assistant/delete/{call.assistant_id}"))
    await end(mailroom, call)
    assert await report(mailroom, call) == (DeliveryStatus.PENDING, url)


async def test_url_that_was_taken_away_gets_nothing_more_and_the_next_one_gets_what_was_kept(
    front: Front, owner: Client, mailroom: Mailroom
) -> None:
    over = await accepted(front, owner)
    going_on = await accepted(front, owner, assistant_id=over.assistant_id)
    await end(mailroom, over)
    await change(owner, over, None)
    await end(mailroom, going_on)
    assert await report(mailroom, over) == await report(mailroom, going_on) == (DeliveryStatus.FAILED, OLD)
    await change(owner, over, NEW)
    assert await report(mailroom, over) == await report(mailroom, going_on) == (DeliveryStatus.PENDING, NEW)


async def test_url_that_its_owner_has_switched_off_stays_off_when_it_is_replaced(
    front: Front, owner: Client, mailroom: Mailroom
) -> None:
    call = await accepted(front, owner)
    data_of(await owner.post(f"/endpoints/{call.assistant_id}/disable"))
    await end(mailroom, call)
    await change(owner, call, None)
    await change(owner, call, NEW)
    assert await report(mailroom, call) == (DeliveryStatus.FAILED, NEW)


@pytest.mark.parametrize(
    ("url", "broken", "status"),
    [(None, "disable", DeliveryStatus.FAILED), (NEW, "enable", DeliveryStatus.PENDING)],
    ids=["taken away", "given anew"],
)
async def test_change_that_broke_off_half_way_is_finished_by_asking_again(  # noqa: PLR0913, PLR0917  # and what breaks
    front: Front,
    owner: Client,
    mailroom: Mailroom,
    monkeypatch: pytest.MonkeyPatch,
    url: str | None,
    broken: str,
    status: DeliveryStatus,
) -> None:
    call = await accepted(front, owner)
    if url is not None:
        await change(owner, call, None)
    with monkeypatch.context() as outage:
        outage.setattr(front.services.healths, broken, _away)
        path = f"/assistant/update/{call.assistant_id}"
        assert (await owner.send("PATCH", path, {"assistant_end_call_url": url})).status_code == 503
    await change(owner, call, url)
    await end(mailroom, call)
    assert await report(mailroom, call) == (status, url or OLD)


async def test_recording_that_comes_late_follows_its_report_to_the_new_url(
    front: Front, owner: Client, mailroom: Mailroom
) -> None:
    call = await accepted(front, owner)
    answered = {"answered_at": now(), "recording": Recording(status=RecordingStatus.PROCESSING)}
    ended = await end(mailroom, call, **answered)
    written = await mailroom.deliveries.write_body(await mailroom.owed(call), "{}", promises_recording=True)
    assert written is not None
    await change(owner, call, NEW)
    ready = {"path": "https://b.test/c.ogg", "size_bytes": 1, "duration_seconds": 1.0}
    await mailroom.fanout.complete_report(RecordingReady.of(ended, event_id="evt_ready", **ready))
    assert {(owed.event_type, owed.url) for owed in await mailroom.owed_to(call.assistant_id)} == {
        ("call.ended", NEW),
        ("recording.ready", NEW),
    }


async def test_new_url_gets_a_report_that_the_old_one_has_refused_for_the_last_time(
    front: Front, owner: Client, mailroom: Mailroom
) -> None:
    call = await accepted(front, owner)
    await end(mailroom, call)
    await mailroom.deliveries.give_up(EndpointId(call.assistant_id))
    assert await mailroom.health(call.assistant_id) is None
    await change(owner, call, NEW)
    assert await report(mailroom, call) == (DeliveryStatus.PENDING, NEW)


async def test_report_that_the_old_url_has_accepted_is_sent_again_to_the_new_one(
    front: Front, owner: Client, mailroom: Mailroom, customer: Endpoint
) -> None:
    call = await accepted(front, owner)
    await change(owner, call, customer.url)
    await end(mailroom, call)
    await mailroom.deliver_now()
    await change(owner, call, NEW)
    assert await report(mailroom, call) == (DeliveryStatus.DELIVERED, customer.url)
    data_of(await owner.post(f"/deliveries/{(await mailroom.owed(call)).delivery_id}/redeliver"), 202)
    assert await report(mailroom, call) == (DeliveryStatus.PENDING, NEW)


async def test_report_of_a_deleted_assistant_is_sent_again_where_it_went(
    front: Front, owner: Client, mailroom: Mailroom
) -> None:
    call = await accepted(front, owner)
    await end(mailroom, call)
    data_of(await owner.send("DELETE", f"/assistant/delete/{call.assistant_id}"))
    data_of(await owner.post(f"/deliveries/{(await mailroom.owed(call)).delivery_id}/redeliver"), 202)
    assert await report(mailroom, call) == (DeliveryStatus.PENDING, OLD)


async def test_nothing_is_sent_again_to_a_url_that_was_taken_away(
    front: Front, owner: Client, mailroom: Mailroom
) -> None:
    call = await accepted(front, owner)
    await end(mailroom, call)
    await change(owner, call, None)
    answer = await owner.post(f"/deliveries/{(await mailroom.owed(call)).delivery_id}/redeliver")
    assert refused(answer) == (409, "The endpoint is disabled; enable it first")


async def test_answer_that_the_old_url_gives_late_is_not_held_against_the_new_one(
    mailroom: Mailroom, customer: Endpoint
) -> None:
    customer.statuses = [410]
    call, _ = await mailroom.end(customer.url)
    claimed = await claim_one(mailroom.deliveries)
    assert claimed is not None
    posted = await mailroom.posted(claimed)
    await mailroom.deliveries.redirect(claimed.endpoint_id, NEW)
    await mailroom.courier.settle(posted)
    assert await report(mailroom, call) == (DeliveryStatus.PENDING, NEW)
    assert await mailroom.health(claimed.endpoint_id) is None


async def _away(*_: object) -> None:
    raise DatabaseUnavailable("the database is away for a test")
