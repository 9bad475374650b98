"""One run: a world of its own, a campaign of calls, faults meanwhile, and the findings."""

import asyncio

from parley_local.settings import Ports
from parley_local.world import World
from tests.faults.breaking import Breaker
from tests.faults.campaign import Campaign
from tests.faults.findings import Findings
from tests.faults.reading import EventLog, read
from tests.faults.schedule import PLANS
from tests.support.customer import Customer

PORT_OFFSET = 4300
SLOTS = 6
LIMITS = {"API_SIGNUPS_PER_MINUTE": "10000", "AGENT_MAX_CALLS": str(SLOTS), "AGENT_IDLE_PROCESSES": "3"}


class SandboxDied(Exception):
    """The phone network itself has died in a run, so nothing can be judged."""


def make_world() -> World:
    return World("faults", Ports().shifted(PORT_OFFSET), overrides=LIMITS)


async def run(
    world: World, calls: int, at_once: int, seed: int, plan: str = "everything"
) -> tuple[Findings, list[str]]:
    """Return what was found, and the faults in the order in which they were carried out. Raises SandboxDied."""
    log = EventLog(world)
    await log.open()
    sandbox = world.pid("sandbox")
    async with Customer(world) as customer:
        breaker = Breaker(world, customer.name, PLANS[plan](seed), seed)
        campaign = Campaign(customer)
        over = asyncio.Event()
        secret = (await customer.get("/auth/webhook-secret"))["secret"]
        breaking = asyncio.create_task(breaker.break_until(over, secret))
        try:
            await campaign.run(calls, at_once, seed)
        finally:
            over.set()
            await breaking
        await campaign.settle()
        if world.pid("sandbox") != sandbox:
            raise SandboxDied(
                "the sandbox died, and its book of calls with it, so this run proves nothing. The LiveKit client in it "
                "aborts at times when the server is killed (livekit 1.1.21)"
            )
        found = await read(world, log, customer.name, campaign.accepted, breaker.done)
        return found, [str(done.fault) for done in breaker.done]
