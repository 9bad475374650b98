"""The sandbox's customer: what it keeps of a report, and how it misbehaves when told to. Its pages show it all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.outside import serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REPORT = '{"data": {"call_id": "call_1"}}'


@pytest.fixture
async def sandbox(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(unused_tcp_port_factory(), unused_tcp_port_factory()) as served,
        httpx.AsyncClient(base_url=served.url, trust_env=False) as http,
    ):
        yield http


def signed(body: str, secret: str = SECRET) -> dict[str, str]:
    moment = datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", moment, body)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }


async def test_report_is_kept_with_its_headers_and_body(sandbox: httpx.AsyncClient) -> None:
    await sandbox.post("/receiver/ada", content=REPORT, headers={"webhook-id": "msg_1"})
    (kept,) = (await sandbox.get("/receiver/ada")).json()
    assert kept["body"] == {"data": {"call_id": "call_1"}}
    assert kept["headers"]["webhook-id"] == "msg_1"
    assert (kept["answered"], kept["verified"]) == (200, None)


async def test_each_receiver_keeps_its_own_and_forgets_when_told(sandbox: httpx.AsyncClient) -> None:
    await sandbox.post("/receiver/ada", content=REPORT)
    assert (await sandbox.get("/receiver/bob")).json() == []
    await sandbox.delete("/receiver/ada")
    assert (await sandbox.get("/receiver/ada")).json() == []


@pytest.mark.parametrize(
    ("sent", "verdict"),
    [(REPORT, True), (REPORT + " ", False), (None, False)],
    ids=["signed", "changed on the way", "unsigned"],
)
async def test_receiver_that_knows_the_secret_judges_the_signature(
    sandbox: httpx.AsyncClient, sent: str | None, *, verdict: bool
) -> None:
    headers = signed(sent) if sent is not None else {}
    await sandbox.put("/receiver/ada/behaviour", json={"secret": SECRET})
    await sandbox.post("/receiver/ada", content=REPORT, headers=headers)
    (kept,) = (await sandbox.get("/receiver/ada")).json()
    assert kept["verified"] is verdict


async def test_failing_receiver_answers_with_its_status_and_keeps_the_report(sandbox: httpx.AsyncClient) -> None:
    await sandbox.put("/receiver/ada/behaviour", json={"status": 500})
    assert (await sandbox.post("/receiver/ada", content=REPORT)).status_code == 500
    (kept,) = (await sandbox.get("/receiver/ada")).json()
    assert kept["answered"] == 500


async def test_redirecting_receiver_names_another_place(sandbox: httpx.AsyncClient) -> None:
    await sandbox.put("/receiver/ada/behaviour", json={"status": 302, "location": "http://127.0.0.1:9/"})
    answer = await sandbox.post("/receiver/ada", content=REPORT)
    assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.1:9/")


@pytest.mark.parametrize("behaviour", [{"hang": True}, {"delay": 60.0}], ids=["hanging", "slow"])
async def test_receiver_that_does_not_answer_in_time_has_the_report(
    sandbox: httpx.AsyncClient, behaviour: dict[str, object]
) -> None:
    await sandbox.put("/receiver/ada/behaviour", json=behaviour)
    with pytest.raises(httpx.ReadTimeout):
        await sandbox.post("/receiver/ada", content=REPORT, timeout=0.5)
    assert len((await sandbox.get("/receiver/ada")).json()) == 1


async def test_slow_receiver_answers_after_its_delay(sandbox: httpx.AsyncClient) -> None:
    await sandbox.put("/receiver/ada/behaviour", json={"delay": 0.3})
    started = asyncio.get_running_loop().time()
    assert (await sandbox.post("/receiver/ada", content=REPORT)).status_code == 200
    assert asyncio.get_running_loop().time() - started >= 0.3


async def test_behaviour_that_cannot_be_read_is_refused(sandbox: httpx.AsyncClient) -> None:
    answer = await sandbox.put("/receiver/ada/behaviour", json={"status": "many"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["status"]


async def test_page_shows_numbers_reports_and_faults(sandbox: httpx.AsyncClient) -> None:
    await sandbox.post("/receiver/ada%3Cb%3E", content=REPORT)
    await sandbox.put("/providers/sarvam/fault", json={"kind": "quota"})
    page = await sandbox.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "ada&lt;b&gt;" in page.text
    for shown in ("0486", "busy", "sarvam", "quota", "No call yet."):
        assert shown in page.text


async def test_sandbox_without_a_livekit_server_lives_and_is_not_ready(sandbox: httpx.AsyncClient) -> None:
    assert (await sandbox.get("/health")).json() == {"status": "ok"}
    ready = await sandbox.get("/ready", timeout=20)
    assert (ready.status_code, ready.json()) == (503, {"missing": ["livekit"]})
