"""The address of a recording, on AWS and on any other store."""

from parley_common.settings import S3Settings
from parley_recorder import s3_storage

KEY = "recordings/call_1.ogg"


def test_path_on_aws_names_bucket_and_region() -> None:
    storage = s3_storage.connect(S3Settings(s3_bucket_name="calls", aws_region="eu-west-1"))
    assert storage.path(KEY) == f"https://calls.s3.eu-west-1.amazonaws.com/{KEY}"


def test_path_on_another_store_starts_with_its_address() -> None:
    storage = s3_storage.connect(S3Settings(s3_bucket_name="calls", s3_endpoint_url="http://store.test:9000/"))
    assert storage.path(KEY) == f"http://store.test:9000/calls/{KEY}"
