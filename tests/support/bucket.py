"""The real bucket of a world, as anybody with its keys sees it."""

import asyncio
from http import HTTPStatus

from botocore.exceptions import ClientError
from pydantic import SecretStr

from parley_common import s3
from parley_common.settings import S3Settings
from parley_local.world import World


def settings_of(world: World) -> S3Settings:
    given = world.environment()
    return S3Settings(
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=SecretStr(given["AWS_SECRET_ACCESS_KEY"]),
        aws_region=given["AWS_REGION"],
        s3_bucket_name=given["S3_BUCKET_NAME"],
        s3_endpoint_url=given["S3_ENDPOINT_URL"],
    )


class Bucket:
    """Puts files and looks for them."""

    def __init__(self, settings: S3Settings) -> None:
        self.settings = settings
        self._client = s3.client(settings)

    async def put(self, key: str, content: bytes) -> None:
        await asyncio.to_thread(self._client.put_object, Bucket=self.settings.s3_bucket_name, Key=key, Body=content)

    async def holds(self, key: str) -> bool:
        try:
            await asyncio.to_thread(self._client.head_object, Bucket=self.settings.s3_bucket_name, Key=key)
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND
        return True
