"""Secrets at rest and in logs."""

import base64
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import stamina
import structlog
from pydantic import SecretStr

from parley_common import logs
from parley_common.crypto import SecretBox, fingerprint
from parley_common.errors import BrokerUnavailable, SecretUnreadable

KEY = SecretStr(base64.b64encode(b"k" * 32).decode())
OTHER_KEY = SecretStr(base64.b64encode(b"o" * 32).decode())


def test_sealed_secret_opens_again_and_never_looks_the_same_twice() -> None:
    box = SecretBox(KEY)
    sealed = box.seal("hunter2", purpose="trunk_password")
    assert "hunter2" not in sealed
    assert sealed != box.seal("hunter2", purpose="trunk_password")
    assert box.open(sealed, purpose="trunk_password") == "hunter2"


@pytest.mark.parametrize(
    ("key", "purpose"), [(OTHER_KEY, "trunk_password"), (KEY, "webhook_secret")], ids=["other key", "other field"]
)
def test_sealed_secret_does_not_open(key: SecretStr, purpose: str) -> None:
    sealed = SecretBox(KEY).seal("hunter2", purpose="trunk_password")
    with pytest.raises(SecretUnreadable):
        SecretBox(key).open(sealed, purpose=purpose)


@pytest.mark.parametrize("sealed", ["", "not base64!", "c2hvcnQ="])
def test_garbage_does_not_open(sealed: str) -> None:
    with pytest.raises(SecretUnreadable):
        SecretBox(KEY).open(sealed, purpose="trunk_password")


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(b"k" * 31).decode()])
def test_key_of_the_wrong_size_is_refused_with_the_way_to_make_one(key: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32"):
        SecretBox(SecretStr(key))


def test_fingerprint_is_sha256() -> None:
    assert fingerprint("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("written", "forbidden"),
    [
        ("dialing +15551234567 now", "5551234567"),
        ("sip:+15551234567@carrier", "5551234567"),
        ("amqp://user:secret@broker/", "secret"),
        ("key lvk_abcdefghijklmnopqrstuvwxyz", "abcdefghij"),
    ],
)
def test_log_line_hides_personal_data(written: str, forbidden: str) -> None:
    event = logs.redact(None, "info", {"event": written, "nested": {"list": [written]}})
    assert forbidden not in json.dumps(event)


@pytest.mark.parametrize("field", ["text", "transcript", "prompt"])
def test_log_line_hides_spoken_words(field: str) -> None:
    assert logs.redact(None, "info", {"event": "said", field: "my card is lost"})[field] == "[redacted]"


def test_log_line_keeps_what_an_operator_needs() -> None:
    event = {"event": "call ended", "call_id": "call_0123456789abcdef01234567", "milliseconds": 12}
    assert logs.redact(None, "info", dict(event)) == event


@contextmanager
def logging_as(service: str) -> Iterator[None]:
    before = logging.getLogger().handlers, logging.getLogger().level
    try:
        logs.configure(service)
        yield
    finally:
        logging.getLogger().handlers, level = before[0], before[1]
        logging.getLogger().setLevel(level)
        stamina.instrumentation.set_on_retry_hooks(None)
        structlog.reset_defaults()


def test_log_line_is_json_with_service_and_call_id(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_as("dialer"), structlog.contextvars.bound_contextvars(call_id="call_1"):
        structlog.get_logger("a").info("call answered")
        logging.getLogger("livekit").warning("number %s", "+15551234567")
    ours, theirs = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (ours["event"], ours["service"], ours["call_id"]) == ("call answered", "dialer", "call_1")
    assert theirs["event"] == "number [number]"


def test_log_line_of_a_retry_names_what_failed_and_not_the_words_it_was_to_tell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @stamina.retry(on=BrokerUnavailable, attempts=2, wait_initial=0, wait_jitter=0)
    def tell(words: str) -> None:
        raise BrokerUnavailable

    with logging_as("agent"), pytest.raises(BrokerUnavailable):
        tell("my card is lost")
    (line,) = capsys.readouterr().out.splitlines()
    assert "my card is lost" not in line
    assert json.loads(line)["error"] == "BrokerUnavailable"
