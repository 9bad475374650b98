"""LiveKit's trunks in memory."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from parley_api.trunks.gateway import NewTrunk
from parley_common.errors import LiveKitRefused, LiveKitUnavailable
from parley_common.ids import TrunkId
from parley_common.settings import LiveKitSettings


@dataclass
class FakeTrunks:
    """A TrunkGateway; set `away` or `refuses` to make it fail."""

    made: dict[TrunkId, NewTrunk] = field(default_factory=dict)
    away: bool = False
    refuses: bool = False

    async def create(self, trunk: NewTrunk) -> TrunkId:
        await self.reachable()
        if self.refuses:
            raise LiveKitRefused("LiveKit refused the trunk: invalid_argument")
        trunk_id = TrunkId(f"ST_{secrets.token_hex(6)}")
        self.made[trunk_id] = trunk
        return trunk_id

    async def delete(self, trunk_id: TrunkId) -> None:
        await self.reachable()
        self.made.pop(trunk_id, None)

    async def reachable(self) -> None:
        if self.away:
            raise LiveKitUnavailable("LiveKit does not answer")

    @asynccontextmanager
    async def connect(self, _settings: LiveKitSettings) -> AsyncIterator["FakeTrunks"]:
        """Stand in for the adapter's own `connect`."""
        yield self
