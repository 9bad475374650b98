"""What a newcomer sees: `make demo` on a world that runs, and the line that it leaves for the next call."""

import asyncio
import json
from io import StringIO

import pytest
from rich.console import Console

from parley_local.demo import STORIES, Demo
from parley_local.following import ANSWERED
from tests.support.customer import Customer


@pytest.mark.timeout(600)
async def test_demo_shows_its_calls_and_how_to_place_the_next(customer: Customer) -> None:
    seen = StringIO()
    line = await Demo(customer.world, Console(file=seen, width=200)).run()
    shown = seen.getvalue()
    assert all(story.title in shown for story in STORIES)
    assert all(event in shown for event in ANSWERED)

    shell = await asyncio.create_subprocess_exec("/bin/sh", "-c", line, stdout=asyncio.subprocess.PIPE)
    answer = json.loads((await shell.communicate())[0])
    assert answer["success"], answer
    assert answer["data"]["status"] == "queued"
