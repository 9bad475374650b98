"""Stored secrets: AES-256-GCM under PARLEY_SECRET_KEY, and hashes of API keys."""

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from parley_common.errors import SecretUnreadable

_NONCE_BYTES = 12
_KEY_BYTES = 32


class SecretBox:
    """Seals and opens short texts; `purpose` is authenticated, so a secret cannot be moved to another field."""

    def __init__(self, key: SecretStr) -> None:
        try:
            raw = base64.b64decode(key.get_secret_value(), validate=True)
        except binascii.Error:
            raw = b""
        if len(raw) != _KEY_BYTES:
            raise ValueError("PARLEY_SECRET_KEY must be 32 random bytes in base64 (openssl rand -base64 32)")
        self._cipher = AESGCM(raw)

    def seal(self, text: str, *, purpose: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), purpose.encode())).decode()

    def open(self, sealed: str, *, purpose: str) -> str:
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise SecretUnreadable(f"the stored {purpose} does not open under PARLEY_SECRET_KEY") from error


def fingerprint(secret: str) -> str:
    """Hash a high-entropy secret for storage and look-up."""
    return hashlib.sha256(secret.encode()).hexdigest()
