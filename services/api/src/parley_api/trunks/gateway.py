"""The port through which trunks reach LiveKit."""

from dataclasses import dataclass, field
from typing import Protocol

from parley_common.ids import TrunkId
from parley_common.trunks import TrunkType


@dataclass(frozen=True)
class NewTrunk:
    """A trunk to be made; the password is for LiveKit alone."""

    name: str
    address: str
    numbers: list[str]
    auth_username: str
    auth_password: str = field(repr=False)
    trunk_type: TrunkType


class TrunkGateway(Protocol):
    """Makes and removes trunks. Raises LiveKitUnavailable or LiveKitRefused."""

    async def create(self, trunk: NewTrunk) -> TrunkId: ...

    async def delete(self, trunk_id: TrunkId) -> None:
        """Remove a trunk; harmless when it is gone."""

    async def reachable(self) -> None: ...
