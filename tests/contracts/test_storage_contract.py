"""What the recorder expects of a bucket: the fake keeps it, and so does a real S3 server."""

import secrets
from dataclasses import dataclass
from typing import Protocol

import pytest

from parley_common.errors import StorageUnavailable
from parley_common.settings import S3Settings
from parley_recorder import s3_storage
from parley_recorder.storage import Storage
from tests.fakes.storage import FakeStorage
from tests.support.bucket import Bucket, settings_of


class Shelf(Protocol):
    """A storage under test, and a way to put a file into it."""

    @property
    def storage(self) -> Storage: ...

    async def put(self, key: str, content: bytes) -> None: ...

    def lose(self) -> Storage:
        """Return a storage that does not answer."""


@dataclass
class FakeBucket:
    """In memory."""

    storage: FakeStorage

    async def put(self, key: str, content: bytes) -> None:
        self.storage.sizes[key] = len(content)

    def lose(self) -> Storage:
        return FakeStorage(away=True)


class RealBucket(Bucket):
    """On an S3 server."""

    def __init__(self, settings: S3Settings) -> None:
        super().__init__(settings)
        self.storage: Storage = s3_storage.connect(settings)

    def lose(self) -> Storage:
        return s3_storage.connect(self.settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"}))


@pytest.fixture(params=["fake", "s3"])
def bucket(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "fake":
        return FakeBucket(FakeStorage())
    return RealBucket(settings_of(request.getfixturevalue("infrastructure")))


@pytest.fixture
def key() -> str:
    return f"recordings/test_{secrets.token_hex(6)}.ogg"


async def test_object_has_its_size(bucket: Shelf, key: str) -> None:
    await bucket.put(key, b"12345")
    assert await bucket.storage.size(key) == 5


async def test_object_that_is_not_there_has_no_size(bucket: Shelf, key: str) -> None:
    assert await bucket.storage.size(key) is None


async def test_removed_object_is_gone(bucket: Shelf, key: str) -> None:
    await bucket.put(key, b"12345")
    await bucket.storage.remove(key)
    assert await bucket.storage.size(key) is None


async def test_removing_what_is_not_there_is_harmless(bucket: Shelf, key: str) -> None:
    await bucket.storage.remove(key)
    assert await bucket.storage.size(key) is None


async def test_path_ends_with_the_key(bucket: Shelf, key: str) -> None:
    assert bucket.storage.path(key).endswith(f"/{key}")


async def test_store_that_does_not_answer_is_unavailable(bucket: Shelf, key: str) -> None:
    lost = bucket.lose()
    with pytest.raises(StorageUnavailable):
        await lost.size(key)
    with pytest.raises(StorageUnavailable):
        await lost.remove(key)
