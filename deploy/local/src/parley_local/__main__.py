"""The command line of the local world: `python -m parley_local up`."""

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from parley_local.demo import Demo
from parley_local.following import DemoFailed
from parley_local.installing import CannotInstall, missing
from parley_local.parts import Part
from parley_local.settings import Places
from parley_local.world import World, WorldNotReady, WorldNotStopped

app = typer.Typer(help="Parley's whole world on this machine, without Docker.", no_args_is_help=True)
console = Console()


@app.command()
def install() -> None:
    """Install what is missing: Debian packages, the database engine, three Go programs."""
    places = Places()
    places.tools.mkdir(parents=True, exist_ok=True)
    todo = list(missing(places))
    if not todo:
        return
    console.print("The first time takes about seven minutes on two cores, most of it three Go builds.")
    log = places.cache / "install.log"
    with _progress() as progress:
        for number, installation in enumerate(todo, 1):
            task = progress.add_task(f"[{number}/{len(todo)}] {installation.title}", total=1)
            installation.run(log)
            progress.advance(task)


@app.command()
def demo() -> None:
    """Start the world, place four calls, show their events, reports and recordings; leave the world running."""
    world = up()
    next_call = asyncio.run(Demo(world, console).run())
    console.rule("Your turn")
    console.print(
        "Place the next call; the last four digits choose what the callee does, 0486 is busy, 2004 interrupts:"
    )
    console.print(next_call, style="cyan", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Swagger: {world.parts['api'].address}. Phones and reports: {world.parts['sandbox'].address}.")
    console.print("`make down` stops everything.")


@app.command()
def up() -> World:
    """Start the world in the background; return when it is ready and print its addresses."""
    install()
    started = time.monotonic()
    with _progress() as progress:
        tasks = {}

        def report(part: Part, state: str) -> None:
            if state == "starting":
                tasks[part.name] = progress.add_task(part.title, total=1)
            else:
                progress.advance(tasks[part.name])

        world = World(report=report)
        world.up()
    _print_addresses(world)
    console.print(f"Ready after {time.monotonic() - started:.0f} s. `make down` stops it.")
    return world


@app.command()
def down() -> None:
    """Stop the world; its data stays."""
    _say_ended(World().down())
    console.print("Everything is stopped. The data stays; `make clean` removes it.")


@app.command()
def status() -> None:
    """Say what runs."""
    world = World()
    table = Table("part", "state", "address", box=None)
    for name, running in world.running().items():
        table.add_row(world.parts[name].title, "running" if running else "stopped", world.parts[name].address or "")
    console.print(table)


@app.command()
def logs(part: Annotated[str, typer.Argument(help="dialer, rabbitmq, ...; another word names them all")]) -> None:
    """Print the log of one part."""
    world = World()
    if part not in world.parts:
        raise typer.BadParameter(f"must be one of {', '.join(world.parts)}")
    console.print(world.log(part), markup=False, highlight=False, soft_wrap=True)


@app.command()
def clean() -> None:
    """Stop the world and remove its data; installed tools stay."""
    _say_ended(World().clean())
    console.print("The world and its data are gone. Installed tools stay.")


def _say_ended(processes: str) -> None:
    if processes:
        console.print(f"Ended what ran on without its supervisor: {processes}", markup=False, soft_wrap=True)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn(), console=console
    )


def _print_addresses(world: World) -> None:
    table = Table("part", "address", box=None)
    for part in world.parts.values():
        if part.address:
            table.add_row(part.title, part.address)
    console.print(table)


def main() -> None:
    """Run a command; what the operator can mend is said without a traceback."""
    try:
        app()
    except* (CannotInstall, DemoFailed, WorldNotReady, WorldNotStopped) as errors:
        for error in errors.exceptions:
            console.print(str(error), style="red", markup=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
