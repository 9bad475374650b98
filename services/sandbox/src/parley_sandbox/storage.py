"""Where recordings go: the bucket that the egress server is configured with."""

import asyncio
from pathlib import Path

import boto3
from botocore.config import Config

from parley_sandbox.settings import SandboxSettings


class Storage:
    """Uploads files to S3."""

    def __init__(self, settings: SandboxSettings) -> None:
        secret = settings.aws_secret_access_key
        self.bucket = settings.s3_bucket_name
        self._client = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url,
            region_name=settings.aws_region,
            aws_access_key_id=settings.aws_access_key_id,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            config=Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 3}),
        )

    async def upload(self, file: Path, key: str) -> int:
        """Upload a file and return its size in bytes."""

        def put() -> int:
            self._client.upload_file(str(file), self.bucket, key, ExtraArgs={"ContentType": "audio/ogg"})
            return file.stat().st_size

        return await asyncio.to_thread(put)
