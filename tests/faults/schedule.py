"""What breaks when: a schedule that a seed decides."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle

SERVICES = ("api", "dialer", "recorder", "webhooks", "agent")
SERVERS = ("rabbitmq", "mongodb", "livekit")
SIP = "sip"
"""LiveKit's SIP service, which the sandbox plays."""


@dataclass(frozen=True)
class Fault:
    """One thing that dies, or misbehaves, for so many seconds."""

    kind: str
    targets: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind} {' and '.join(self.targets)}"


@dataclass(frozen=True)
class Done:
    """A fault that was carried out: from when to when, and which single call it struck; None is all that went on."""

    fault: Fault
    began: datetime
    ended: datetime
    call_id: str | None


NO_CALL = ""
"""What a fault has struck that came too late."""


type Schedule = Iterator[tuple[float, Fault]]
"""Pauses in seconds, and what breaks after each."""


def everything(seed: int) -> Schedule:
    """Every kind in turn, without end, in an order and at moments that the seed decides."""
    chance = random.Random(seed)
    while True:
        round_of_faults = [Fault("kill", (name,), 0) for name in SERVICES]
        round_of_faults += [Fault("restart", (name,), 0) for name in SERVICES]
        round_of_faults += [Fault("kill", (name,), 0) for name in SERVERS]
        round_of_faults += [Fault("kill", tuple(chance.sample(SERVICES, 2)), 0), Fault("kill agent job", ("agent",), 0)]
        round_of_faults += [Fault("kill agent job", ("agent",), 0), Fault("refuse reports", ("receiver",), 6)]
        round_of_faults += [Fault("stop", ("rabbitmq",), 5), Fault("stop", ("mongodb",), 5)]
        round_of_faults += [
            Fault("hang", ("rabbitmq",), 8),
            Fault("no node", (SIP,), 6),
            Fault("lose answers", (SIP,), 6),
        ]
        chance.shuffle(round_of_faults)
        for fault in round_of_faults:
            yield chance.uniform(4, 12), fault


def together(seed: int) -> Schedule:
    """A service and a server at once, again and again."""
    chance = random.Random(seed)
    while True:
        yield chance.uniform(8, 16), Fault("kill", (chance.choice(SERVICES), chance.choice(SERVERS)), 0)


def rolling(_seed: int) -> Schedule:
    """A deployment, again and again: each service stops gracefully and starts anew, one after the other."""
    for service in cycle(SERVICES):
        yield 3.0, Fault("restart", (service,), 0)


def nothing(_seed: int) -> Schedule:
    """No fault: what is asked for is only more than can be carried at once."""
    return iter(())


CALM = ("rolling", "nothing")
"""Plans under which nobody dies: no agent needs a successor, and no callee waits in vain."""

PLANS: Mapping[str, Callable[[int], Schedule]] = {
    plan.__name__: plan for plan in (everything, together, rolling, nothing)
}
