"""`make faults`: many calls while everything dies in turn, and a table of what the promise is worth."""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Collection
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.faults.findings import Findings
from tests.faults.running import SLOTS, SandboxDied, make_world, run
from tests.faults.schedule import CALM, PLANS

console = Console()


def main(
    calls: Annotated[int, typer.Option(help="How many calls are placed.")] = 200,
    at_once: Annotated[int, typer.Option(help="How many of them at once.")] = 6,
    plan: Annotated[str, typer.Option(help=f"What breaks: {', '.join(PLANS)}.")] = "everything",
    seed: Annotated[int | None, typer.Option(help="Replays the calls and faults of an earlier run.")] = None,
) -> None:
    """Place calls, break things by a seeded schedule, and tell what was found; status 1 when a promise was broken."""
    if plan not in PLANS:
        raise typer.BadParameter(f"no such plan: {plan}")
    chosen = seed if seed is not None else random.SystemRandom().randrange(1_000_000)
    minutes = calls * 45 // min(at_once, SLOTS) // 60 + 2
    console.print(f"Seed {chosen}: {calls} calls, {at_once} at once, {plan}. About {minutes} minutes.")
    world = make_world()
    world.up()
    try:
        findings, faults = asyncio.run(run(world, calls, at_once, chosen, plan))
    except SandboxDied as died:
        console.print(f"Void: {died}.")
        sys.exit(3)
    finally:
        world.down()
    broken = findings.broken(calm=plan in CALM)
    _show(findings, faults, broken)
    console.print(f"Replay: make faults SEED={chosen} CALLS={calls} AT_ONCE={at_once} PLAN={plan}")
    if broken:
        sys.exit(1)
    world.clean()


def _show(findings: Findings, faults: list[str], broken: Collection[str]) -> None:
    table = Table("faults", "times", box=None)
    for fault, times in sorted(Counter(faults).items()):
        table.add_row(fault, str(times))
    console.print(table)
    table = Table("found", "", box=None)
    for name, value in vars(findings).items():
        shown = f"{len(value)} {value or ''}" if isinstance(value, list) else str(value)
        table.add_row(name.replace("_", " "), shown, style="red" if name in broken else None)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
