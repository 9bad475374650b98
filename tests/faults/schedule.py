"""What breaks when: a schedule that a seed decides."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

SERVICES = ("api", "dialer", "agent", "recorder", "webhooks")
SERVERS = ("rabbitmq", "mongodb", "livekit")


@dataclass(frozen=True)
class Fault:
    """One thing that dies, or misbehaves, for so many seconds."""

    kind: str
    targets: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind} {' and '.join(self.targets)}"


def faults(seed: int) -> Iterator[tuple[float, Fault]]:
    """Yield pauses and faults without end: every kind in turn, in an order and at moments that the seed decides."""
    chance = random.Random(seed)
    while True:
        round_of_faults = [Fault("kill", (name,), 0) for name in SERVICES]
        round_of_faults += [Fault("restart", (name,), 0) for name in SERVICES]
        round_of_faults += [Fault("kill", (name,), 0) for name in SERVERS]
        round_of_faults += [Fault("kill", tuple(chance.sample(SERVICES, 2)), 0), Fault("kill agent job", ("agent",), 0)]
        round_of_faults += [Fault("kill agent job", ("agent",), 0), Fault("refuse reports", ("receiver",), 6)]
        round_of_faults += [Fault("stop", ("rabbitmq",), 5), Fault("stop", ("mongodb",), 5)]
        chance.shuffle(round_of_faults)
        for fault in round_of_faults:
            yield chance.uniform(4, 12), fault
