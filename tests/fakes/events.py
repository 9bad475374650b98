"""Events of calls as a broker brings them, one by one; after the last there is silence for as long as anybody waits."""

from dataclasses import dataclass
from typing import Any


@dataclass
class FakeEvents:
    """What is still to come."""

    coming: list[dict[str, Any]]

    async def get(self) -> dict[str, Any]:
        if not self.coming:
            raise TimeoutError
        return self.coming.pop(0)
