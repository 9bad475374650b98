"""Runs benchmarks and prints one table: `python -m bench`, or `python -m bench accept ring`."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

import typer
import uvloop
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console
from rich.table import Table

from bench import accept, bridge, claim, deliveries, events, hangup, hello, memory, outage, report, ring, takeover
from bench.results import Result
from parley_local.settings import Ports
from parley_local.world import World, WorldNotReady

CLAIMS: Mapping[str, Callable[[World], Coroutine[Any, Any, list[Result]]]] = {
    module.__name__.removeprefix("bench."): module.measure
    for module in (accept, ring, hangup, hello, events, outage, report, deliveries, bridge, memory, takeover, claim)
}
PORT_OFFSET = 3700
console = Console(width=160)


class BenchRun(BaseSettings):
    """PARLEY_KEEP_WORLD=1 leaves the servers running for the next run."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_")

    keep_world: bool = False


def run(
    names: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(CLAIMS)}; without a name, all.")] = None,
) -> None:
    """Measure Parley against its floor on a world of its own, and print one table."""
    if unknown := set(names or ()) - set(CLAIMS):
        raise typer.BadParameter(f"no such benchmark: {', '.join(sorted(unknown))}")
    world = World("bench", Ports().shifted(PORT_OFFSET))
    try:
        with console.status("Starting servers of its own"):
            world.up()
        results = [result for name in names or CLAIMS for result in _measured(name, world)]
    finally:
        if not BenchRun().keep_world:
            world.clean()
    console.print(_table(results))


def _measured(name: str, world: World) -> list[Result]:
    with console.status(f"Measuring: {name}"):
        results = uvloop.run(CLAIMS[name](world))
    for result in results:
        against = f", against {result.floor}" if result.floor else ""
        console.print(f"{result.claim}: {result.subject}{against}", highlight=False)
    return results


def _table(results: list[Result]) -> Table:
    table = Table("claim", "Parley", "floor", "ratio", "demanded", "met", box=None)
    for result in results:
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        met = {True: "yes", False: "[bold]no[/bold]", None: ""}[result.met]
        table.add_row(result.claim, result.subject, result.floor, ratio, result.demand, met)
    return table


def main() -> None:
    """Run; what the operator can mend is said without a traceback."""
    try:
        typer.run(run)
    except* WorldNotReady as errors:
        for error in errors.exceptions:
            console.print(str(error), style="red", markup=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
