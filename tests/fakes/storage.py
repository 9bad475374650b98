"""A bucket in memory."""

from dataclasses import dataclass, field

from parley_common.errors import StorageUnavailable


@dataclass
class FakeStorage:
    """Storage that knows sizes only; set `away` to make requests fail."""

    sizes: dict[str, int] = field(default_factory=dict)
    away: bool = False

    async def size(self, key: str) -> int | None:
        self._answer()
        return self.sizes.get(key)

    async def remove(self, key: str) -> None:
        self._answer()
        self.sizes.pop(key, None)

    def path(self, key: str) -> str:
        return f"https://bucket.test/{key}"

    def _answer(self) -> None:
        if self.away:
            raise StorageUnavailable("the object store does not answer")
