"""Send dead letters back to where they died, after a fix: `python -m parley_common.redrive dialer.call.ended`."""

import asyncio
import sys

import aio_pika
import structlog

from parley_common import logs
from parley_common.retry import ATTEMPT_HEADER
from parley_common.settings import RabbitSettings

log = structlog.get_logger()


async def redrive(url: str, queue_name: str) -> int:
    """Move every message of `<queue>.dead` to `<queue>`, with its tries counted anew. Returns how many there were.

    A message leaves the dead letters only when the broker has confirmed its copy, so that one may come twice, but none
    is lost. Messages that die again meanwhile are left for the next time.
    """
    moved = 0
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        dead = await channel.declare_queue(f"{queue_name}.dead", passive=True)
        for _ in range(dead.declaration_result.message_count or 0):
            message = await dead.get(fail=False)
            if message is None:
                break
            message.headers.pop(ATTEMPT_HEADER, None)
            await channel.default_exchange.publish(message, queue_name)
            await message.ack()
            moved += 1
    return moved


if __name__ == "__main__":
    logs.configure("redrive")
    if len(sys.argv) != 2:  # noqa: PLR2004  # the program and one queue
        sys.exit("usage: python -m parley_common.redrive QUEUE   (without .dead)")
    log.info("messages moved back", messages=asyncio.run(redrive(str(RabbitSettings().rabbitmq_url), sys.argv[1])))
