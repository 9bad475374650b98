"""Show the open calls that nobody has seen to though their deadline has passed: `python -m parley_common.overdue`."""

import asyncio
import sys
from datetime import timedelta

import structlog

from parley_common import logs
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls, connect
from parley_common.errors import ParleyError
from parley_common.settings import MongoSettings

log = structlog.get_logger()

VISITED_WITHIN = timedelta(seconds=5)
"""A dialer that works looks at an overdue call every second."""


async def overdue(settings: MongoSettings) -> list[Call]:
    """Return at most a hundred of them, most overdue first."""
    async with connect(settings) as database:
        return await Calls(database).overdue(now() - VISITED_WITHIN)


def show(call: Call) -> None:
    """Write what an operator needs to know: where the call stands, since when, and who was at it last."""
    log.warning(
        "call is stuck",
        call_id=call.call_id,
        status=call.status,
        overdue_seconds=round((now() - call.deadline_at).total_seconds()),
        room_name=call.room_name,
        agent_identity=call.agent_identity,
        worker_id=call.worker_id,
        cancel_requested_at=call.cancel_requested_at,
    )


if __name__ == "__main__":
    logs.configure("overdue")
    try:
        stuck = asyncio.run(overdue(MongoSettings()))
    except ParleyError as error:
        sys.exit(str(error))
    for each in stuck:
        show(each)
    log.info("looked for stuck calls", found=len(stuck))
