"""Calls, end to end: through the HTTP API, a real broker, a real LiveKit server, and the customer's endpoint."""

import io
from typing import Any

import av
import boto3
import numpy as np
import pytest

from parley_local.parts import BUCKET
from tests.support.customer import CARTESIA, SARVAM, Customer, until

SILENCE = 0.003
"""Below this root mean square (full scale is 1) a second of a channel holds no speech."""


@pytest.mark.parametrize("voice", [CARTESIA, SARVAM], ids=["cartesia", "sarvam"])
async def test_answered_call_is_held_recorded_and_reported(customer: Customer, voice: dict[str, str]) -> None:
    call_id = await customer.call("0200", await customer.assistant(voice))
    report = await customer.report(call_id)
    told = (report["call_status"], report["call_end_reason"], report["answered_by"])
    assert told == ("completed", "callee_hangup", "human")
    assert [(turn["speaker"], turn["text"]) for turn in report["transcripts"]] == [
        ("agent", "Hello John, how can I help?"),
        ("user", "I need help with my order."),
        ("agent", "Of course. Your order is on its way and will arrive tomorrow."),
        ("user", "Thank you, that is all I wanted to know."),
        ("agent", "You are welcome. Have a nice day."),
    ]
    assert report["started_at"] is not None
    assert report["started_at"] < report["ended_at"]
    assert report["call_duration_minutes"] > 0
    assert report["recording_status"] == "ready"
    assert report["recording_path"].endswith(f"{call_id}.ogg")
    agent, callee = loudness(customer, call_id)
    assert agent > SILENCE, "the agent is not heard on the left"
    assert callee > SILENCE, "the callee is not heard on the right"


async def test_report_tells_what_the_conversation_came_to(customer: Customer) -> None:
    questions = [{"name": "wish", "question": "What does {{ name }} want?"}]
    plan = {"enabled": True, "goal": "{{ name }} knows when the order arrives.", "questions": questions}
    call_id = await customer.call("0200", await customer.assistant(assistant_analysis=plan))
    report = await customer.report(call_id)
    said = "I need help with my order. Thank you, that is all I wanted to know."
    assert report["analysis_status"] == "ready"
    assert report["analysis"] == {
        "summary": f'The callee said: "{said}"',
        "successful": True,
        "answers": {"wish": f'The callee said: "{said}"'},
    }
    assert "gpt-4.1-mini" in {used["model"] for used in report["usage"]}
    assert len(await customer.deliveries(call_id)) == 1


async def test_report_is_signed_and_sent_once(customer: Customer) -> None:
    call_id = await customer.call("0486")
    await customer.report(call_id)
    (delivery,) = await customer.deliveries(call_id)
    assert delivery["verified"] is True
    assert {"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} <= {name.title() for name in delivery["headers"]}


async def test_agent_speaks_only_after_the_answer(customer: Customer) -> None:
    call_id = await customer.call("2008")
    await customer.report(call_id)
    (invite,) = await customer.invites(call_id)
    assert invite["answered_at"] < invite["first_word_at"]
    call = await customer.get(f"/call/{call_id}")
    assert call["transcripts"][0]["spoken_at"] > call["answered_at"]


@pytest.mark.parametrize(
    ("number", "status", "reason", "sip_status_code"),
    [
        ("0486", "busy", "busy", 486),
        ("0603", "declined", "declined", 603),
        ("0404", "failed", "invalid_number", 404),
        ("0480", "no_answer", "no_answer", 480),
        ("0403", "failed", "trunk_auth_failed", 403),
        ("0503", "failed", "carrier_error", 503),
    ],
)
async def test_unanswered_call_is_reported_with_its_reason(
    customer: Customer, number: str, status: str, reason: str, sip_status_code: int
) -> None:
    call_id = await customer.call(number)
    report = await customer.report(call_id)
    told = (report["call_status"], report["call_end_reason"], report["sip_status_code"])
    assert told == (status, reason, sip_status_code)
    assert_never_answered(report)
    assert len(await customer.invites(call_id)) == 1


async def test_phone_that_rings_out_is_no_answer(customer: Customer) -> None:
    assistant = await customer.assistant(assistant_limits={"ringing_timeout_seconds": 5})
    call_id = await customer.call("0408", assistant)
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("no_answer", "no_answer")
    assert_never_answered(report)


async def test_callee_who_hangs_up_in_mid_sentence_keeps_the_words_so_far(customer: Customer) -> None:
    report = await customer.report(await customer.call("2001"))
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "callee_hangup")
    spoken = [turn["text"] for turn in report["transcripts"] if turn["speaker"] == "user"]
    assert spoken
    assert spoken[0].startswith("I wanted to ask")


async def test_callee_who_hangs_up_at_the_answer_is_reported(customer: Customer) -> None:
    report = await customer.report(await customer.call("2002"))
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "callee_hangup")
    assert report["started_at"] is not None


async def test_callee_who_talks_over_the_agent_cuts_its_words(customer: Customer) -> None:
    report = await customer.report(await customer.call("2004"))
    greeting = report["transcripts"][0]
    assert greeting["speaker"] == "agent"
    assert "Hello John, how can I help?".startswith(greeting["text"])
    assert greeting["text"] != "Hello John, how can I help?"


async def test_agent_hangs_up_after_the_goodbye(customer: Customer) -> None:
    call_id = await customer.call("2009")
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "agent_hangup")
    assert report["transcripts"][-1]["text"] == "Thank you for your time. Goodbye."
    (invite,) = await customer.invites(call_id)
    assert invite["hung_up_by"] == "caller"


async def test_same_idempotency_key_rings_once(customer: Customer) -> None:
    body = {
        "assistant_id": await customer.assistant(),
        "trunk_id": customer.trunk_id,
        "to_number": "+15550000486",
        "call_service": "twilio",
    }
    answers = [await customer.api.post("/call/outbound", json=body, headers={"Idempotency-Key": "k"}) for _ in "123"]
    assert len({answer.json()["data"]["call_id"] for answer in answers}) == 1
    call_id = answers[0].json()["data"]["call_id"]
    await customer.report(call_id)
    assert len(await customer.invites(call_id)) == 1


async def test_receiver_that_was_down_gets_the_report_when_it_is_back(customer: Customer) -> None:
    secret = (await customer.get("/auth/webhook-secret"))["secret"]
    await customer.behave(status=503, secret=secret)
    call_id = await customer.call("0486")
    await customer.report(call_id)
    await customer.behave(status=200, secret=secret)

    async def accepted() -> list[dict[str, Any]]:
        return [delivery for delivery in await customer.deliveries(call_id) if delivery["answered"] == 200]

    (last,) = await until(accepted)
    first = (await customer.deliveries(call_id))[0]
    assert last["verified"]
    assert last["body"] == first["body"]
    assert last["headers"]["webhook-id"] == first["headers"]["webhook-id"]


def assert_never_answered(report: dict[str, Any]) -> None:
    assert report["started_at"] is None
    assert report["call_duration_minutes"] == 0.0
    assert report["transcripts"] == []
    assert report["recording_path"] is None


def loudness(customer: Customer, call_id: str) -> tuple[float, float]:
    """Return the loudest second of the left and the right channel of a call's recording."""
    environment = customer.world.environment()
    client = boto3.client(
        "s3",
        endpoint_url=environment["S3_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    listed = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    (key,) = [item["Key"] for item in listed if item["Key"].endswith(f"{call_id}.ogg")]
    audio = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with av.open(io.BytesIO(audio), "r") as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    seconds = samples[:, : samples.shape[1] // 48_000 * 48_000].reshape(2, -1, 48_000)
    left, right = np.sqrt(np.mean(np.square(seconds), axis=2)).max(axis=1)
    return float(left), float(right)
