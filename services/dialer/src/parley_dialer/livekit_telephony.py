"""Telephony over LiveKit: rooms, agent dispatch and SIP participants."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import aiohttp
from google.protobuf.duration_pb2 import Duration
from livekit import api

from parley_common import livekit
from parley_common.calls import Attempt, Call
from parley_common.errors import LiveKitRefused, LiveKitUnavailable
from parley_common.livekit import answering
from parley_common.settings import LiveKitSettings
from parley_dialer.sip import outcome_of
from parley_dialer.telephony import Answered, DialOutcome, NotSent, PhoneState, RoomView, Unknown

DIAL_MARGIN_SECONDS = 15
DEPARTURE_TIMEOUT = timedelta(seconds=20)
SETUP_MARGIN = timedelta(seconds=60)


class LiveKitTelephony:
    """Telephony on one LiveKit server."""

    def __init__(self, client: api.LiveKitAPI, agent_name: str) -> None:
        self._livekit = client
        self._agent_name = agent_name

    async def open_room(self, call: Call) -> None:
        ringing = timedelta(seconds=call.assistant.limits.ringing_timeout_seconds)
        room = api.CreateRoomRequest(
            name=call.room_name,
            empty_timeout=round((ringing + SETUP_MARGIN).total_seconds()),
            departure_timeout=round(DEPARTURE_TIMEOUT.total_seconds()),
            metadata=json.dumps({"call_id": call.call_id}),
            agents=[api.RoomAgentDispatch(agent_name=self._agent_name, metadata=_dispatch_metadata(call))],
        )
        if call.dispatches > 1:
            await self.close_room(call.room_name)
        async with answering():
            await self._livekit.room.create_room(room)

    async def replace_agent(self, call: Call, lost_identity: str | None) -> None:
        dispatch = api.CreateAgentDispatchRequest(
            agent_name=self._agent_name, room=call.room_name, metadata=_dispatch_metadata(call)
        )
        if lost_identity is not None:
            lost = api.RoomParticipantIdentity(room=call.room_name, identity=lost_identity)
            with suppress(LiveKitRefused):
                async with answering():
                    await self._livekit.room.remove_participant(lost)
        with suppress(LiveKitRefused):
            async with answering():
                await self._livekit.agent_dispatch.create_dispatch(dispatch)

    async def dial(self, call: Call, attempt: Attempt) -> DialOutcome:
        limits = call.assistant.limits
        request = api.CreateSIPParticipantRequest(
            sip_trunk_id=call.trunk_id,
            sip_call_to=call.to_number,
            sip_number=call.from_number or "",
            room_name=call.room_name,
            participant_identity=attempt.attempt_id,
            participant_name="callee",
            wait_until_answered=True,
            ringing_timeout=Duration(seconds=limits.ringing_timeout_seconds),
            max_call_duration=Duration(seconds=limits.ringing_timeout_seconds + limits.max_duration_seconds + 60),
        )
        try:
            await self._livekit.sip.create_sip_participant(
                request, timeout=limits.ringing_timeout_seconds + DIAL_MARGIN_SECONDS
            )
        except api.ServerError as error:
            return outcome_of(error)
        except aiohttp.ClientConnectorError:
            return NotSent()
        except (aiohttp.ClientError, TimeoutError):
            return Unknown()
        return Answered()

    async def look(self, room_name: str, attempt: Attempt | None) -> RoomView:
        async with answering():
            listed = await self._livekit.room.list_participants(api.ListParticipantsRequest(room=room_name))
        agents = frozenset(p.identity for p in listed.participants if p.kind == api.ParticipantInfo.Kind.AGENT)
        phones = (p for p in listed.participants if attempt is not None and p.identity == attempt.attempt_id)
        phone = next((_phone_state(p.attributes.get("sip.callStatus", "")) for p in phones), PhoneState.ABSENT)
        return RoomView(exists=bool(listed.participants) or await self._exists(room_name), phone=phone, agents=agents)

    async def room_names(self) -> list[str]:
        async with answering():
            listed = await self._livekit.room.list_rooms(api.ListRoomsRequest())
        return [room.name for room in listed.rooms]

    async def close_room(self, room_name: str) -> bool:
        """Delete a room; one whose server was killed has to be taken over by another before (LiveKit 1.13.5)."""
        try:
            await self._delete_room(room_name)
        except LiveKitUnavailable:
            async with answering():
                await self._livekit.room.create_room(api.CreateRoomRequest(name=room_name))
            await self._delete_room(room_name)
            return False
        return True

    async def _delete_room(self, room_name: str) -> None:
        with suppress(LiveKitRefused):
            async with answering():
                await self._livekit.room.delete_room(api.DeleteRoomRequest(room=room_name))

    async def reachable(self) -> None:
        async with answering():
            await self._livekit.room.list_rooms(api.ListRoomsRequest(names=["-"]))

    async def _exists(self, room_name: str) -> bool:
        """Tell an empty room from none: both have no participants."""
        async with answering():
            listed = await self._livekit.room.list_rooms(api.ListRoomsRequest(names=[room_name]))
        return bool(listed.rooms)


@asynccontextmanager
async def connect(settings: LiveKitSettings) -> AsyncIterator[LiveKitTelephony]:
    async with livekit.client(settings) as connected:
        yield LiveKitTelephony(connected, settings.livekit_agent_name)


def _dispatch_metadata(call: Call) -> str:
    return json.dumps({"call_id": call.call_id, "trace": call.trace})


def _phone_state(status: str) -> PhoneState:
    match status:
        case "active" | "automation":
            return PhoneState.ACTIVE
        case "ringing":
            return PhoneState.RINGING
        case "dialing":
            return PhoneState.DIALING
        case _:
            return PhoneState.ABSENT
