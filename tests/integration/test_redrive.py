"""Dead letters go back to work after a fix."""

import aio_pika

from parley_common.redrive import redrive
from parley_common.settings import RabbitSettings

QUEUE = "dialer.call.ended"


async def test_dead_letters_return_to_their_queue_with_their_tries_counted_anew(rabbit: RabbitSettings) -> None:
    url = str(rabbit.rabbitmq_url)
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        dead = [aio_pika.Message(body, message_id=name, headers={"x-attempt": 5}) for body, name in BODIES.items()]
        for message in dead:
            await channel.default_exchange.publish(message, f"{QUEUE}.dead")
        assert await redrive(url, QUEUE) == len(BODIES)
        assert await redrive(url, QUEUE) == 0
        queue = await channel.declare_queue(QUEUE, passive=True)
        returned = [await queue.get() for _ in BODIES]
    assert {message.body: message.message_id for message in returned} == BODIES
    assert all("x-attempt" not in message.headers for message in returned)


BODIES = {b"1": "evt_1", b"2": "evt_2"}
