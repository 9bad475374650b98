"""Virtual hosts on the real broker."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import aio_pika
import httpx

from parley_local.parts import HOST
from parley_local.world import World

GUEST = ("guest", "guest")


@contextmanager
def virtual_host(world: World) -> Iterator[str]:
    """Make one, yield its URL, and remove it with all that is in it."""
    name = f"test-{secrets.token_hex(4)}"
    management = f"http://{HOST}:{world.ports.rabbitmq_management_port}/api/vhosts/{name}"
    httpx.put(management, auth=GUEST).raise_for_status()
    yield f"amqp://guest:guest@{HOST}:{world.ports.rabbitmq_port}/{name}"
    httpx.delete(management, auth=GUEST).raise_for_status()


async def empty(world: World, url: str) -> None:
    """Leave no message in any of its queues."""
    async with httpx.AsyncClient(auth=GUEST, trust_env=False) as http:
        management = f"http://{HOST}:{world.ports.rabbitmq_management_port}/api/queues/{url.rpartition('/')[2]}"
        found = (await http.get(management, params={"columns": "name"})).raise_for_status().json()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in [await channel.get_queue(each["name"]) for each in found]:
            if queue.declaration_result.message_count:
                await queue.purge()
