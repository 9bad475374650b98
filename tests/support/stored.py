"""Calls as a test finds them in the database."""

from parley_common.calls import Call
from parley_common.db import Calls
from parley_common.events import CallRequested


async def store(calls: Calls, call: Call) -> None:
    """Store a call whose first event is left for anybody to publish."""
    await calls.insert(call, CallRequested)
    await calls.outbox.settle(call.call_id, [])
