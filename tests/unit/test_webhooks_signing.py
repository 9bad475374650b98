"""Signatures are what the published library verifies."""

import base64

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from parley_common.clock import now
from parley_webhooks import signing

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OLDER = "whsec_" + base64.b64encode(b"o" * 32).decode()
BODY = '{"message": "héllo"}'


def test_signature_is_verified_by_the_published_library() -> None:
    headers = signing.headers([SECRET], "evt_call_1_2", now(), BODY)
    assert Webhook(SECRET).verify(BODY, headers) == {"message": "héllo"}


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp"])
def test_signature_covers_id_and_time(changed: str) -> None:
    headers = signing.headers([SECRET], "evt_call_1_2", now(), BODY)
    headers[changed] = headers[changed][:-1] + ("0" if headers[changed][-1] != "0" else "1")
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, headers)


def test_signature_covers_the_body() -> None:
    headers = signing.headers([SECRET], "evt_call_1_2", now(), BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace("é", "e"), headers)


def test_delivery_during_a_rotation_is_verified_with_either_secret() -> None:
    headers = signing.headers([SECRET, OLDER], "evt_call_1_2", now(), BODY)
    assert Webhook(SECRET).verify(BODY, headers) == Webhook(OLDER).verify(BODY, headers)
