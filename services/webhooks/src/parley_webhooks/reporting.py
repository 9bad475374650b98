"""The report of a call as it is at this moment, the same for every way in which customers are told."""

from datetime import datetime, timedelta

from parley_common.calls import Call
from parley_common.s3 import Link, RecordingLinks
from parley_webhooks.payloads import payload


class Reporter:
    """Writes reports, with a link to the recording when the assistant asks for one."""

    def __init__(self, links: RecordingLinks) -> None:
        self._links = links

    async def write(self, call: Call, event_type: str, occurred_at: datetime) -> str:
        """Return the JSON of a report; its link opens the recording for so many hours from now."""
        return payload(call, event_type, occurred_at, await self._link(call)).model_dump_json()

    async def _link(self, call: Call) -> Link | None:
        hours = call.assistant.recording_link_hours
        return await self._links.to(call.recording, timedelta(hours=hours)) if hours else None
