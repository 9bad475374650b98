"""What the dialer needs from its environment."""

from datetime import timedelta
from functools import cached_property

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from parley_common.settings import Block, CallTimes, LiveKitSettings, MongoSettings, RabbitSettings


class DialerSettings(Block):
    """How many dials one replica holds, and how often it looks for calls that need a hand."""

    model_config = SettingsConfigDict(env_prefix="DIALER_")

    parallel_dials: int = Field(default=50, ge=1)
    sweep_interval: timedelta = timedelta(seconds=1)
    requeue_delay: timedelta = timedelta(seconds=2)
    max_calls: int | None = Field(default=None, ge=1)
    """Conversations at once on the whole platform; the agents' slots are always a limit."""

    max_calls_per_owner: int | None = Field(default=None, ge=1)
    reappearance_grace: timedelta = timedelta(seconds=12)
    """A LiveKit restart looks like leaving for about ten seconds (measured)."""

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
    def times(self) -> CallTimes:
        return CallTimes()
