"""Endpoints over HTTP: made, changed, tried, switched off and on, and what was delivered to them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from parley_common.clock import now
from parley_common.db.deliveries import DeliveryAttempt, DeliveryStatus, Settlement
from parley_common.endpoints import EVENT_TYPES, DisabledReason
from parley_common.errors import DatabaseUnavailable
from parley_common.ids import EndpointId, OwnerId
from tests.support.envelope import data_of, reasons, refused
from tests.support.front import ENDPOINT, Client, Front
from tests.support.mailroom import claim_one

URL = ENDPOINT["endpoint_url"]


async def settle(front: Front, status: DeliveryStatus) -> None:
    """Attempt whatever is due once, with this outcome."""
    code = 200 if status is DeliveryStatus.DELIVERED else 500
    while claimed := await claim_one(front.services.deliveries):
        attempt = DeliveryAttempt(at=now(), duration_seconds=0.1, status_code=code, excerpt="maintenance")
        later = now() + timedelta(hours=1)
        assert await front.services.deliveries.settle([Settlement(claimed, attempt, status, later)])


async def deliveries(owner: Client, endpoint_id: str, **filters: str) -> list[dict[str, Any]]:
    page = data_of(await owner.get(f"/endpoints/{endpoint_id}/deliveries", params=filters))
    shown: list[dict[str, Any]] = page["deliveries"]
    return shown


async def test_new_endpoint_answers_with_its_secret_and_gets_every_event(owner: Client) -> None:
    made = data_of(await owner.post("/endpoints", ENDPOINT))
    assert made["secret"].startswith("whsec_")
    assert data_of(await owner.get(f"/endpoints/{made['endpoint_id']}/secret"))["secret"] == made["secret"]
    shown = data_of(await owner.get(f"/endpoints/{made['endpoint_id']}"))
    assert (shown["endpoint_url"], shown["event_types"], shown["status"]) == (URL, None, "active")
    assert "secret" not in shown


async def test_unknown_event_type_is_refused_with_the_known_ones(owner: Client) -> None:
    response = await owner.post("/endpoints", ENDPOINT | {"event_types": ["call.finished"]})
    assert reasons(response) == {"event_types.0": f"must be one of {', '.join(EVENT_TYPES)}"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"endpoint_url": "http://10.0.0.1/"}, "must not point to a private or reserved address"),
        ({"endpoint_url": "ftp://customer.example.com/"}, "must be an http or https URL"),
        ({"event_types": []}, "must have 1 or more items"),
        ({"event_types": ["call.ended", "call.ended"]}, "must not name an event type twice"),
        ({"secret": "mine"}, "no such field"),
    ],
)
async def test_wrong_field_is_named_with_its_reason(owner: Client, wrong: dict[str, Any], reason: str) -> None:
    answered = reasons(await owner.post("/endpoints", ENDPOINT | wrong))
    assert answered == {next(iter(wrong)): reason}


async def test_change_keeps_what_it_does_not_name_and_owed_deliveries_follow_the_url(
    owner: Client, front: Front
) -> None:
    endpoint_id = await owner.endpoint(event_types=["call.ended"])
    delivery_id = await owner.delivery(endpoint_id)
    elsewhere = "https://elsewhere.example.com/"
    changed = data_of(await owner.send("PATCH", f"/endpoints/{endpoint_id}", {"endpoint_url": elsewhere}))
    assert (changed["endpoint_url"], changed["event_types"]) == (elsewhere, ["call.ended"])
    assert data_of(await owner.get(f"/deliveries/{delivery_id}"))["url"] == elsewhere


async def test_changing_nothing_is_refused(owner: Client) -> None:
    response = await owner.send("PATCH", f"/endpoints/{await owner.endpoint()}", {})
    assert refused(response) == (400, "No fields provided for update")


async def test_private_url_is_refused_in_a_change_too(owner: Client) -> None:
    response = await owner.send("PATCH", f"/endpoints/{await owner.endpoint()}", {"endpoint_url": "http://10.1/"})
    assert reasons(response) == {"endpoint_url": "must not point to a private or reserved address"}


async def test_list_shows_endpoints_and_then_end_call_urls_page_by_page(owner: Client) -> None:
    endpoint_id = await owner.endpoint()
    assistant_id = await owner.assistant()
    await owner.assistant(assistant_end_call_url=None)
    whole = data_of(await owner.get("/endpoints"))
    assert [one["endpoint_id"] for one in whole] == [endpoint_id, assistant_id]
    assert [one["end_call_url_of"] for one in whole] == [None, assistant_id]
    assert data_of(await owner.get("/endpoints?limit=1")) == whole[:1]
    assert data_of(await owner.get("/endpoints?limit=1&offset=1")) == whole[1:]


async def test_deleted_endpoint_is_not_found_and_owed_nothing(owner: Client, front: Front) -> None:
    endpoint_id = await owner.endpoint()
    await owner.delivery(endpoint_id)
    assert (await owner.send("DELETE", f"/endpoints/{endpoint_id}")).is_success
    assert refused(await owner.get(f"/endpoints/{endpoint_id}")) == (404, "Endpoint not found")
    assert await claim_one(front.services.deliveries) is None


async def test_deletion_that_broke_off_half_way_is_finished_by_asking_again(
    owner: Client, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint_id = await owner.endpoint()
    await owner.delivery(endpoint_id)

    async def away(*_: object) -> None:
        raise DatabaseUnavailable("the database is away for a test")

    with monkeypatch.context() as outage:
        outage.setattr(front.services.deliveries, "give_up", away)
        assert (await owner.send("DELETE", f"/endpoints/{endpoint_id}")).status_code == 503
    assert (await owner.send("DELETE", f"/endpoints/{endpoint_id}")).is_success
    assert await claim_one(front.services.deliveries) is None


async def test_account_has_a_bounded_number_of_endpoints(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley_api.endpoints.service.MAX_ENDPOINTS", 1)
    await owner.endpoint()
    assert refused(await owner.post("/endpoints", ENDPOINT)) == (409, "An account has 1 endpoints at most")


async def test_rotated_secret_signs_beside_the_new_one_until_the_overlap_ends(owner: Client, front: Front) -> None:
    made = data_of(await owner.post("/endpoints", ENDPOINT))
    path, holder = f"/endpoints/{made['endpoint_id']}/rotate-secret", made["endpoint_id"]
    second = data_of(await owner.post(path, {}))["secret"]
    assert await front.services.signing_secrets.signing(holder) == [second, made["secret"]]
    third = data_of(await owner.post(path, {"overlap_hours": 0}))["secret"]
    assert await front.services.signing_secrets.signing(holder) == [third]


async def test_secret_that_is_rotated_twice_signs_for_as_long_as_it_was_promised_to(
    owner: Client, front: Front
) -> None:
    made = data_of(await owner.post("/endpoints", ENDPOINT))
    path, holder = f"/endpoints/{made['endpoint_id']}/rotate-secret", made["endpoint_id"]
    lost, known = [data_of(await owner.post(path, {}))["secret"] for _ in range(2)]
    assert await front.services.signing_secrets.signing(holder) == [known, lost, made["secret"]]


async def test_end_call_urls_share_one_secret(owner: Client) -> None:
    first, second = await owner.assistant(), await owner.assistant()
    fresh = data_of(await owner.post(f"/endpoints/{first}/rotate-secret", {}))["secret"]
    assert data_of(await owner.get(f"/endpoints/{second}/secret"))["secret"] == fresh
    assert data_of(await owner.get("/auth/webhook-secret"))["secret"] == fresh


@pytest.mark.parametrize("event_type", EVENT_TYPES)
async def test_example_of_every_event_is_owed_on_request(owner: Client, event_type: str) -> None:
    endpoint_id = await owner.endpoint(event_types=["call.ended"])
    path = f"/endpoints/{endpoint_id}/test"
    delivery_id = data_of(await owner.post(path, {"event_type": event_type}), 202)["delivery_id"]
    (shown,) = await deliveries(owner, endpoint_id)
    assert (shown["delivery_id"], shown["event_type"]) == (delivery_id, event_type)
    assert shown["webhook_id"].startswith("test_")


async def test_endpoint_that_accepts_no_examples_is_owed_only_so_many(
    owner: Client, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley_api.endpoints.service.MAX_PENDING_EXAMPLES", 2)
    endpoint_id = await owner.endpoint()
    for _ in range(2):
        await owner.delivery(endpoint_id)
    response = await owner.post(f"/endpoints/{endpoint_id}/test", {})
    assert refused(response) == (409, "The endpoint has not accepted 2 examples yet; wait for them")
    await owner.delivery(await owner.endpoint())
    await settle(front, DeliveryStatus.DELIVERED)
    await owner.delivery(endpoint_id)


async def test_example_for_a_failing_endpoint_keeps_out_of_the_others_way(owner: Client, front: Front) -> None:
    endpoint_id = await owner.endpoint()
    await front.services.healths.note_failure(EndpointId(endpoint_id), OwnerId("own_any"), now())
    await owner.delivery(endpoint_id)
    assert await claim_one(front.services.deliveries) is None
    assert await claim_one(front.services.deliveries, suspect=True) is not None


async def test_disabled_endpoint_gets_nothing_until_it_is_enabled_and_recovered(owner: Client, front: Front) -> None:
    endpoint_id = await owner.endpoint()
    since = now().isoformat()
    await owner.delivery(endpoint_id)
    shown = data_of(await owner.post(f"/endpoints/{endpoint_id}/disable"))
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "owner")
    assert await claim_one(front.services.deliveries) is None
    response = await owner.post(f"/endpoints/{endpoint_id}/test", {})
    assert refused(response) == (409, "The endpoint is disabled; enable it first")
    response = await owner.post(f"/endpoints/{endpoint_id}/recover", {"since": since})
    assert refused(response) == (409, "The endpoint is disabled; enable it first")
    assert data_of(await owner.post(f"/endpoints/{endpoint_id}/enable"))["status"] == "active"
    recovered = data_of(await owner.post(f"/endpoints/{endpoint_id}/recover", {"since": since}), 202)
    assert recovered == {"deliveries": 1}
    assert await claim_one(front.services.deliveries) is not None


async def test_recovery_keeps_to_its_time_and_leaves_what_was_delivered(owner: Client, front: Front) -> None:
    endpoint_id = await owner.endpoint()
    before = now().isoformat()
    await owner.delivery(endpoint_id)
    await settle(front, DeliveryStatus.DELIVERED)
    await owner.delivery(endpoint_id)
    await settle(front, DeliveryStatus.FAILED)
    path = f"/endpoints/{endpoint_id}/recover"
    assert data_of(await owner.post(path, {"since": now().isoformat()}), 202) == {"deliveries": 0}
    assert data_of(await owner.post(path, {"since": before, "until": before}), 202) == {"deliveries": 0}
    assert data_of(await owner.post(path, {"since": before}), 202) == {"deliveries": 1}


async def test_deliveries_are_listed_newest_first_by_filter_and_page(owner: Client, front: Front) -> None:
    endpoint_id = await owner.endpoint()
    first = await owner.delivery(endpoint_id)
    await settle(front, DeliveryStatus.DELIVERED)
    second = await owner.delivery(endpoint_id)
    listed = await deliveries(owner, endpoint_id)
    assert [one["delivery_id"] for one in listed] == [second, first]
    assert [one["status"] for one in listed] == ["pending", "delivered"]
    assert listed[1]["next_attempt_at"] is None
    assert await deliveries(owner, endpoint_id, status="delivered") == listed[1:]
    assert await deliveries(owner, endpoint_id, call_id="call_other") == []
    path = f"/endpoints/{endpoint_id}/deliveries?limit=1"
    page = data_of(await owner.get(path))
    rest = data_of(await owner.get(path, params={"limit": 1, "cursor": page["next_cursor"]}))
    assert page["deliveries"] + rest["deliveries"] == listed
    assert rest["next_cursor"] is None


async def test_delivery_shows_each_attempt_and_what_was_answered(owner: Client, front: Front) -> None:
    delivery_id = await owner.delivery(await owner.endpoint())
    await settle(front, DeliveryStatus.PENDING)
    shown = data_of(await owner.get(f"/deliveries/{delivery_id}"))
    (attempt,) = shown["attempts"]
    assert (attempt["status_code"], attempt["excerpt"]) == (500, "maintenance")
    assert (shown["status"], shown["last_status_code"], shown["attempts_made"]) == ("pending", 500, 1)


async def test_redelivered_one_is_due_at_once_with_its_whole_schedule_before_it(owner: Client, front: Front) -> None:
    delivery_id = await owner.delivery(await owner.endpoint())
    await settle(front, DeliveryStatus.DELIVERED)
    assert (await owner.post(f"/deliveries/{delivery_id}/redeliver")).status_code == 202
    claimed = await claim_one(front.services.deliveries)
    assert claimed is not None
    assert (claimed.delivery_id, claimed.tries, len(claimed.attempts)) == (delivery_id, 0, 1)


async def test_delivery_that_is_being_sent_is_not_sent_beside_it(owner: Client, front: Front) -> None:
    delivery_id = await owner.delivery(await owner.endpoint())
    assert await claim_one(front.services.deliveries) is not None
    response = await owner.post(f"/deliveries/{delivery_id}/redeliver")
    assert refused(response) == (409, "The delivery is being sent at this moment")


async def test_failing_endpoint_shows_since_when_it_fails(owner: Client, front: Front) -> None:
    endpoint_id = await owner.endpoint()
    health = await front.services.healths.note_failure(EndpointId(endpoint_id), OwnerId("own_any"), now())
    shown = data_of(await owner.get(f"/endpoints/{endpoint_id}"))
    assert (shown["status"], shown["failures"]) == ("failing", 1)
    assert datetime.fromisoformat(shown["failing_since"]) == health.failing_since


async def test_reports_that_are_still_owed_follow_a_changed_end_call_url(owner: Client) -> None:
    assistant_id = await owner.assistant()
    delivery_id = await owner.delivery(assistant_id)
    elsewhere = "https://elsewhere.example.com/calls"
    change = {"assistant_end_call_url": elsewhere}
    assert (await owner.send("PATCH", f"/assistant/update/{assistant_id}", change)).is_success
    assert data_of(await owner.get(f"/deliveries/{delivery_id}"))["url"] == elsewhere


async def test_new_end_call_url_is_not_blamed_for_the_old_one_and_gets_what_that_missed(
    owner: Client, front: Front
) -> None:
    assistant_id = await owner.assistant()
    delivery_id = await owner.delivery(assistant_id)
    endpoint_id = EndpointId(assistant_id)
    await front.services.healths.disable(endpoint_id, OwnerId("own_any"), DisabledReason.GONE)
    await front.services.deliveries.give_up(endpoint_id)
    await owner.send(
        "PATCH", f"/assistant/update/{assistant_id}", {"assistant_end_call_url": "https://new.example.com/"}
    )
    assert data_of(await owner.get(f"/endpoints/{assistant_id}"))["status"] == "active"
    claimed = await claim_one(front.services.deliveries)
    assert claimed is not None
    assert (claimed.delivery_id, claimed.url) == (delivery_id, "https://new.example.com/")


async def test_endpoint_that_its_owner_has_switched_off_stays_off_under_a_new_url(owner: Client) -> None:
    endpoint_id = await owner.endpoint()
    await owner.post(f"/endpoints/{endpoint_id}/disable")
    await owner.send("PATCH", f"/endpoints/{endpoint_id}", {"endpoint_url": "https://new.example.com/"})
    assert data_of(await owner.get(f"/endpoints/{endpoint_id}"))["status"] == "disabled"


async def test_owner_may_switch_off_for_good_what_is_off_because_it_failed(owner: Client, front: Front) -> None:
    endpoint_id = await owner.endpoint()
    await front.services.healths.disable(EndpointId(endpoint_id), OwnerId("own_any"), DisabledReason.FAILING)
    await owner.post(f"/endpoints/{endpoint_id}/disable")
    await owner.send("PATCH", f"/endpoints/{endpoint_id}", {"endpoint_url": "https://new.example.com/"})
    assert data_of(await owner.get(f"/endpoints/{endpoint_id}"))["disabled_reason"] == "owner"


async def test_endpoint_that_was_deleted_is_posted_nothing_on_request(owner: Client) -> None:
    endpoint_id = await owner.endpoint()
    delivery_id = await owner.delivery(endpoint_id)
    await owner.send("DELETE", f"/endpoints/{endpoint_id}")
    response = await owner.post(f"/deliveries/{delivery_id}/redeliver")
    assert refused(response) == (409, "The endpoint is disabled; enable it first")
