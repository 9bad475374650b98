"""Whatever is sent, the answer has the envelope and is nobody's crash."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.envelope import reasons, refused
from tests.support.front import ASSISTANT, TRUNK, Client
from tests.support.operations import OPERATIONS, Operation

JSON = {"content-type": "application/json"}
NOT_JSON = {
    "nothing": b"",
    "half": b'{"assistant_name": ',
    "a list": b"[]",
    "null": b"null",
    "invalid UTF-8": b'{"assistant_name": "\xff\xfe"}',
    "nested lists": b"[" * 100_000,
    "nested objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "a huge number": b'{"assistant_name": ' + b"9" * 5_000 + b"}",
}
GOOD: dict[str, Any] = {**ASSISTANT, **TRUNK, "to_number": "+15550000200", "call_service": "twilio"}
GOOD |= {"user_name": "Ada", "user_email": "ada@example.com", "org_name": "Engines"}
GOOD |= {"assistant_id": "asst_1", "trunk_id": "ST_1", "endpoint_url": "https://customer.example.com/events"}
GOOD |= {"subscription_name": "crm-sync"}

ODD_TEXTS = ["", "\0", "\ud800", "$where", "x" * 5_000, "../..", "{{ a }}", "\u202e", "'; --", "-1", "9" * 30, "1e400"]
ODD_TEXTS += ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
ODD_TEXTS += [base64.urlsafe_b64encode(odd).decode() for odd in (b'["2024-01-01","\\ud800"]', b"[" * 5_000, b"null")]
ODD_VALUES: list[Any] = [*ODD_TEXTS, None, True, 0, -1, 2**63, 10**400, float("nan"), [], {}, [None], {"\ud800": 1}]
TEXT = st.one_of(st.text(max_size=50), st.sampled_from(ODD_TEXTS))
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)
HEADER = st.from_regex(rb"[ -~\x80-\xff]{0,300}", fullmatch=True)


@pytest.mark.parametrize("content", NOT_JSON.values(), ids=NOT_JSON)
async def test_body_that_is_no_object_is_refused(owner: Client, content: bytes) -> None:
    response = await owner.http.post("/assistant/create", content=content, headers=JSON)
    assert refused(response)[0] in {400, 422}


async def test_body_of_another_content_type_is_refused_with_the_right_one(owner: Client) -> None:
    content = json.dumps(ASSISTANT).encode()
    response = await owner.http.post("/assistant/create", content=content, headers={"content-type": "text/plain"})
    assert reasons(response) == {"body": "must be a JSON object, sent as application/json"}


@pytest.mark.parametrize("path", ["/assistant/create", "/livekit/webhook", "/auth/create-key"])
async def test_body_of_ten_megabytes_is_refused(owner: Client, path: str) -> None:
    response = await owner.http.post(path, content=b'"' + b"x" * 10_000_000 + b'"', headers=JSON)
    assert refused(response) == (413, "Request body too large")


@dataclass(frozen=True)
class Sent:
    """A request."""

    method: str
    path: str
    ids: dict[str, str]
    query: dict[str, str]
    headers: dict[bytes, bytes]
    body: Any


def good(operation: Operation) -> Sent:
    places = operation.parameters
    return Sent(
        method=operation.method,
        path=operation.path,
        ids=dict.fromkeys(places["path"], "asst_1"),
        query={},
        headers={},
        body={name: GOOD[name] for name in operation.fields if name in GOOD},
    )


def spoiled_once(operation: Operation) -> Iterator[Sent]:
    """Put each odd value into each place, one at a time."""
    whole, places = good(operation), operation.parameters
    for odd in ODD_VALUES:
        yield from (replace(whole, body=whole.body | {name: odd}) for name in operation.fields)
    for odd in ODD_TEXTS:
        yield from (replace(whole, query={name: odd}) for name in places["query"])
        yield from (replace(whole, ids=whole.ids | {name: odd}) for name in places["path"])


@st.composite
def spoiled_anyhow(draw: st.DrawFn) -> Sent:
    operation = draw(st.sampled_from(OPERATIONS))
    whole, places = good(operation), operation.parameters
    return replace(
        whole,
        ids={name: draw(TEXT) for name in places["path"]},
        query={name: draw(TEXT) for name in places["query"] if draw(st.booleans())},
        headers={name.encode(): draw(HEADER) for name in places["header"]},
        body=draw(VALUE) if draw(st.booleans()) else whole.body | {name: draw(VALUE) for name in operation.fields[:3]},
    )


def raw(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


async def check(client: Client, sent: Sent) -> None:
    ids = {name: quote(raw(value), safe="") or "%20" for name, value in sent.ids.items()}
    response = await client.http.request(
        sent.method,
        sent.path.format(**ids),
        params={name: raw(value) for name, value in sent.query.items()},
        headers={b"content-type": b"application/json", b"x-api-key": client.http.headers["x-api-key"].encode()}
        | sent.headers,
        content=json.dumps(sent.body).encode(),
    )
    assert response.status_code < 500, sent
    assert set(response.json()) == {"success", "message", "data"}
    assert response.headers["x-request-id"]


async def test_no_odd_value_makes_the_api_fail_wherever_it_stands(owner: Client) -> None:
    for operation in OPERATIONS:
        for sent in spoiled_once(operation):
            await check(owner, sent)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=spoiled_anyhow())
async def test_no_request_makes_the_api_fail(owner: Client, sent: Sent) -> None:
    await check(owner, sent)
