"""The examples of a page of documentation, to be run as they stand there."""

import asyncio
import re
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path


def block(page: Path, language: str, heading: str = "") -> str:
    """Return the one block of code that a page has in a language, in all of it or under a heading."""
    text = page.read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0] if heading else text
    (found,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(found)


async def output_of(words: list[str], environment: Mapping[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(*words, env=environment, stdout=PIPE, stderr=PIPE)
    said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return said.decode()
