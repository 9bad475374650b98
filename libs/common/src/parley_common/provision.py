"""Prepare RabbitMQ and MongoDB: topology and indexes. Run before the services: `python -m parley_common.provision`."""

import asyncio

import stamina
import structlog
from aiormq.exceptions import AMQPConnectionError

from parley_common import logs, topology
from parley_common.db.indexes import create_indexes
from parley_common.db.mongo import connect
from parley_common.errors import Transient
from parley_common.settings import MongoSettings, RabbitSettings

log = structlog.get_logger()
_PATIENCE_SECONDS = 120.0


async def provision(rabbit: RabbitSettings, mongo: MongoSettings) -> None:
    """Declare and index; waits for servers that are still starting."""
    awaited = (AMQPConnectionError, OSError, Transient)
    async for attempt in stamina.retry_context(on=awaited, attempts=None, timeout=_PATIENCE_SECONDS, wait_max=3.0):
        with attempt:
            await topology.declare(str(rabbit.rabbitmq_url))
            async with connect(mongo) as database:
                await create_indexes(database)
    log.info("provisioned")


if __name__ == "__main__":
    logs.configure("provision")
    asyncio.run(provision(RabbitSettings(), MongoSettings()))
