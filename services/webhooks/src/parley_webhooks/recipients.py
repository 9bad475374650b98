"""Who is told: an owner's endpoints, and for a report also the end-call URL of the call's assistant."""

from dataclasses import dataclass

from parley_common.calls import Call
from parley_common.db.assistants import Assistants
from parley_common.db.endpoints import Endpoints
from parley_common.ids import EndpointId, OwnerId


@dataclass(frozen=True)
class Recipient:
    """Where news go."""

    endpoint_id: EndpointId
    url: str
    signed_by: str


class Recipients:
    """Looks up where news go, as it is at this moment."""

    def __init__(self, endpoints: Endpoints, assistants: Assistants) -> None:
        self._endpoints = endpoints
        self._assistants = assistants

    async def listeners(self, owner: OwnerId, event_type: str) -> list[Recipient]:
        """Return the owner's endpoints that want events of this type."""
        return [
            Recipient(endpoint.endpoint_id, endpoint.endpoint_url, signed_by=endpoint.endpoint_id)
            for endpoint in await self._endpoints.listening(owner, event_type)
        ]

    async def end_call_url(self, call: Call) -> Recipient | None:
        """Return the endpoint that an assistant's end-call URL is; its id is the assistant's.

        The URL is the assistant's latest. Without one it is that with which the call was accepted: the endpoint is
        off then, and its report is kept.
        """
        assistant = await self._assistants.last_known(call.owner_id, call.assistant_id)
        url = (assistant.assistant_end_call_url if assistant else None) or call.assistant.end_call_url
        return Recipient(EndpointId(call.assistant_id), url, signed_by=call.owner_id) if url else None
