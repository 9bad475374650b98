"""Storage on S3, or any store that speaks it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from parley_common import s3
from parley_common.errors import StorageUnavailable
from parley_common.settings import S3Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Storage:
    """One bucket; boto3 blocks, so each request runs in a thread (its client may be shared by threads)."""

    def __init__(self, client: "S3Client", settings: S3Settings) -> None:
        self._client = client
        self._bucket = settings.s3_bucket_name
        self._base = (
            f"{settings.s3_endpoint_url.rstrip('/')}/{settings.s3_bucket_name}"
            if settings.s3_endpoint_url
            else f"https://{settings.s3_bucket_name}.s3.{settings.aws_region}.amazonaws.com"
        )

    async def size(self, key: str) -> int | None:
        return await asyncio.to_thread(self._size, key)

    async def remove(self, key: str) -> None:
        await asyncio.to_thread(self._remove, key)

    def path(self, key: str) -> str:
        return f"{self._base}/{key}"

    async def reachable(self) -> None:
        await asyncio.to_thread(self._head_bucket)

    def _size(self, key: str) -> int | None:
        try:
            with _answering():
                return self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ClientError:
            return None

    def _remove(self, key: str) -> None:
        with _answering():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def _head_bucket(self) -> None:
        with _answering():
            self._client.head_bucket(Bucket=self._bucket)


def connect(settings: S3Settings) -> S3Storage:
    return S3Storage(s3.client(settings), settings)


@contextmanager
def _answering() -> Iterator[None]:
    """Tell "not there" (ClientError passes) from a store that did not answer or refused our keys."""
    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            raise
        raise StorageUnavailable("the object store refused or failed") from error
    except BotoCoreError as error:
        raise StorageUnavailable("the object store does not answer") from error
