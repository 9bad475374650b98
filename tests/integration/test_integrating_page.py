"""docs/integrating.md as somebody pastes it, from the key to the drill, on real servers."""

import sys
from collections.abc import Callable
from pathlib import Path

from tests.processes import INHERITED, service
from tests.support.examples import block, output_of
from tests.support.front import Front
from tests.support.streams import served

PAGE = Path(__file__).parents[2] / "docs/integrating.md"


async def test_drill_of_the_page_misses_nothing(
    front: Front, environment: dict[str, str], unused_tcp_port_factory: Callable[[], int], tmp_path: Path
) -> None:
    webhooks, receiver = unused_tcp_port_factory(), unused_tcp_port_factory()
    async with served(front) as url, service("parley_webhooks", environment, webhooks, tmp_path / "webhooks.log"):

        async def paste(*headings: str, last: str = "", **known: str) -> str:
            lines = "\n".join(block(PAGE, "bash", heading) for heading in headings)
            for written, here in {
                "localhost:8000": url,
                "https://hooks.example.com/parley": f"http://127.0.0.1:{receiver}/",
                "PORT=9000": f"PORT={receiver}",
                "sleep 600": "sleep 10",
                "sleep 60": "sleep 12",
            }.items():
                lines = lines.replace(written, here)
            return await output_of(["bash", "-c", f"cd {tmp_path}\n{lines}\n{last}"], INHERITED | known)

        customer = await front.stranger()
        key = (await paste("A key", last="echo $KEY")).strip()
        customer.http.headers["x-api-key"] = key
        (tmp_path / "call.json").write_bytes(
            customer.http.build_request("POST", "/", json=await customer.order()).content
        )
        for program, heading in {"receiver": "A receiver", "consumer": "A consumer"}.items():
            script = tmp_path / program
            script.write_text(f"#!{sys.executable}\n{block(PAGE, 'python', heading)}", encoding="utf-8")
            script.chmod(0o700)
        told = await paste("A receiver", "A consumer", "A drill", KEY=key)
    assert told.splitlines() == [
        'down: 3 pending, "messages":3',
        'back: 0 pending, "messages":0',
        "received.log misses 0 of 6",
        "consumed.log misses 0 of 6",
    ]
