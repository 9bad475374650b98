"""Every error of ours, with its own verdict: may the same work be tried again?

ParleyError
├── Transient (retryable)
│   ├── DatabaseUnavailable
│   ├── BrokerUnavailable
│   │   └── PublishUnconfirmed
│   ├── LiveKitUnavailable
│   ├── StorageUnavailable
│   ├── ProviderUnavailable
│   ├── WriteContended
│   └── TooEarly
└── Permanent
    ├── AlreadyExists
    ├── CallNotFound
    ├── DocumentUnreadable
    ├── IdempotencyKeyReused
    ├── LiveKitRefused
    ├── ProviderRefused
    └── SecretUnreadable
"""

from typing import ClassVar


class ParleyError(Exception):
    """Root of all errors that Parley raises on purpose; its text never holds personal data."""

    retryable: ClassVar[bool] = False


class Transient(ParleyError):
    """The same work may succeed later."""

    retryable = True


class DatabaseUnavailable(Transient):
    """MongoDB does not answer, or has lost the connection in the middle."""


class BrokerUnavailable(Transient):
    """RabbitMQ cannot be reached."""


class PublishUnconfirmed(BrokerUnavailable):
    """The broker may or may not have stored a message; publish it again under the same id."""


class LiveKitUnavailable(Transient):
    """LiveKit does not answer; nothing is known to have happened."""


class StorageUnavailable(Transient):
    """The object store does not answer."""


class ProviderUnavailable(Transient):
    """A model's provider does not answer, or not now: no connection, no quota, no valid key yet."""


class WriteContended(Transient):
    """Too many writers met on one call document."""


class TooEarly(Transient):
    """An event overtook its predecessor; it makes sense a moment later."""


class Permanent(ParleyError):
    """Trying again gives the same result."""


class AlreadyExists(Permanent):
    """A document with this unique key is there already."""


class CallNotFound(Permanent):
    """No such call."""


class DocumentUnreadable(Permanent):
    """A stored document is not as this version knows it; another version wrote it."""


class IdempotencyKeyReused(Permanent):
    """The key was used for another request."""


class LiveKitRefused(Permanent):
    """LiveKit understood the request and said no."""


class ProviderRefused(Permanent):
    """A model's provider understood the request and said no."""


class SecretUnreadable(Permanent):
    """A stored secret does not open under PARLEY_SECRET_KEY."""
