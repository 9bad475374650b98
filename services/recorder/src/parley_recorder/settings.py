"""What the recorder needs from its environment."""

from datetime import timedelta
from functools import cached_property

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from parley_common.settings import Block, LiveKitSettings, MongoSettings, OpenAISettings, RabbitSettings, S3Settings


class RecorderSettings(Block):
    """How long the recorder waits for a file, and who knows the bucket."""

    model_config = SettingsConfigDict(env_prefix="RECORDER_")

    look_for: timedelta = timedelta(seconds=8)
    """So long one look at an egress goes on; after that the retry tiers look again."""

    give_up_after: timedelta = timedelta(minutes=10)
    """An egress still running so long after its call is dead: killed, it says ACTIVE for ever (measured)."""

    keep_recordings: timedelta | None = Field(default=None, ge=timedelta(days=1))
    """Recordings of calls that ended longer ago are removed from the bucket; None keeps them."""

    send_s3_credentials: bool = False
    """Send the bucket and its keys with each request; else the egress server's own configuration counts."""

    @cached_property
    def rabbit(self) -> RabbitSettings:
        return RabbitSettings()

    @cached_property
    def mongo(self) -> MongoSettings:
        return MongoSettings()

    @cached_property
    def livekit(self) -> LiveKitSettings:
        return LiveKitSettings()

    @cached_property
    def openai(self) -> OpenAISettings:
        return OpenAISettings()

    @cached_property
    def s3(self) -> S3Settings:
        return S3Settings()
