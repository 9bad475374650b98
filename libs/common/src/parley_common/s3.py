"""The bucket with the recordings: one way to connect, and links that open a file for a while without a key."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from parley_common.clock import now
from parley_common.recordings import Recording
from parley_common.settings import S3Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = structlog.get_logger()


def client(settings: S3Settings) -> "S3Client":
    """Make a client; boto3 blocks, so its requests belong into threads, which may share it."""
    secret = settings.aws_secret_access_key
    made: S3Client = boto3.client(
        "s3",
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        region_name=settings.aws_region,
        endpoint_url=settings.s3_endpoint_url,
        config=Config(signature_version="s3v4", connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2}),
    )
    return made


@dataclass(frozen=True)
class Link:
    """Who has the URL may fetch the file, until it expires."""

    url: str
    expires_at: datetime


class RecordingLinks:
    """Signs links to recordings, without a request to the store."""

    def __init__(self, settings: S3Settings) -> None:
        self._client = client(settings)
        self._bucket = settings.s3_bucket_name

    async def to(self, recording: Recording, valid_for: timedelta) -> Link | None:
        """Return a link to a file that was seen; None when there is none, or no credentials to sign with."""
        if recording.path is None or recording.key is None:
            return None
        expires_at = now() + valid_for
        try:
            url = await asyncio.to_thread(self._sign, recording.key, round(valid_for.total_seconds()))
        except BotoCoreError as error:
            log.warning("no link to the recording", error=type(error).__name__)
            return None
        return Link(url, expires_at)

    def _sign(self, key: str, seconds: int) -> str:
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )
