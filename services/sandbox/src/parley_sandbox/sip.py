"""LiveKit's SIP service as the sandbox answers it: every dial reaches one of the sandbox's phones."""

import asyncio
from dataclasses import dataclass

import structlog
from aiohttp import web
from livekit import api

from parley_sandbox import twirp
from parley_sandbox.phone import Outcome, Phone, new_sip_call_id
from parley_sandbox.scenarios import Refusal, Scenario, scenario_of
from parley_sandbox.settings import SandboxSettings
from parley_sandbox.sip_faults import SipFaults
from parley_sandbox.speech import Speech
from parley_sandbox.switchboard import CallRecord, Switchboard
from parley_sandbox.twirp import TwirpError

log = structlog.get_logger()

DEFAULT_RINGING_SECONDS = 30.0
RINGING_CEILING_SECONDS = 80.0
DEFAULT_CALL_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Leg:
    """One phone that rings or talks, what is told of it, and the task that carries it."""

    phone: Phone
    record: CallRecord
    carrying: asyncio.Task[Outcome]


class SipService:
    """Creates SIP participants; trunks are the real server's."""

    def __init__(
        self,
        settings: SandboxSettings,
        livekit: api.LiveKitAPI,
        voices: Speech,
        switchboard: Switchboard,
        faults: SipFaults,
    ) -> None:
        self._settings = settings
        self._livekit = livekit
        self._voices = voices
        self._switchboard = switchboard
        self._faults = faults
        self._legs: dict[tuple[str, str], Leg] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/twirp/livekit.SIP/CreateSIPParticipant", self.create_participant),
            web.post("/twirp/livekit.SIP/TransferSIPParticipant", self.transfer_participant),
        ]

    async def create_participant(self, request: web.Request) -> web.Response:
        twirp.authorize(request, self._settings)
        dial = await twirp.parse(request, api.CreateSIPParticipantRequest())
        await self._check(dial)
        await self._faults.find_node()
        record = self._switchboard.record(
            CallRecord(
                to_number=dial.sip_call_to,
                from_number=dial.sip_number or await self._number_of(dial.sip_trunk_id),
                trunk_id=dial.sip_trunk_id,
                room_name=dial.room_name,
                participant_identity=dial.participant_identity or new_sip_call_id(),
                sip_call_id=new_sip_call_id(),
            )
        )
        phone = Phone(self._settings, self._voices, scenario_of(dial.sip_call_to), record)
        participant = (dial.room_name, record.participant_identity)
        await self._drop(participant)
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        carrying = asyncio.create_task(self._carry(phone, dial, answered))
        self._legs[participant] = Leg(phone, record, carrying)
        carrying.add_done_callback(lambda _: self._forget(participant, phone))
        if dial.wait_until_answered:
            outcome = await asyncio.shield(answered)
            self._faults.lose_answer(request)
            _raise_unless_answered(outcome, phone)
        return twirp.answer(
            request,
            api.SIPParticipantInfo(
                participant_id=record.sip_call_id,
                participant_identity=record.participant_identity,
                room_name=dial.room_name,
                sip_call_id=record.sip_call_id,
            ),
        )

    async def transfer_participant(self, request: web.Request) -> web.Response:
        twirp.authorize(request, self._settings)
        transfer = await twirp.parse(request, api.TransferSIPParticipantRequest())
        participant = (transfer.room_name, transfer.participant_identity)
        leg = self._legs.get(participant)
        if leg is None:
            raise TwirpError("not_found", 404, "participant does not exist")
        ringing = transfer.ringing_timeout.ToTimedelta().total_seconds() or DEFAULT_RINGING_SECONDS
        await _refer(scenario_of(transfer.transfer_to), ringing)
        leg.record.transferred_to = transfer.transfer_to
        await self._drop(participant)
        return web.Response(body=b"", content_type="application/protobuf")

    async def close(self) -> None:
        carrying = [leg.carrying for leg in self._legs.values()]
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def _drop(self, participant: tuple[str, str]) -> bool:
        """Hang up on a participant, as a second one of its name or a transfer does; False when there is none."""
        leg = self._legs.get(participant)
        if leg is None:
            return False
        leg.phone.drop()
        await asyncio.wait({leg.carrying})
        return True

    def _forget(self, participant: tuple[str, str], phone: Phone) -> None:
        leg = self._legs.get(participant)
        if leg is not None and leg.phone is phone:
            del self._legs[participant]

    async def _carry(
        self, phone: Phone, dial: api.CreateSIPParticipantRequest, answered: asyncio.Future[Outcome]
    ) -> Outcome:
        """Carry one call to its end; goes on when the HTTP request that began it is gone."""
        started = asyncio.get_running_loop().time()
        ringing = dial.ringing_timeout.ToTimedelta().total_seconds() or DEFAULT_RINGING_SECONDS
        try:
            outcome = await phone.ring(min(ringing, RINGING_CEILING_SECONDS))
        except Exception as error:
            log.exception("phone could not ring")
            answered.set_exception(error)
            raise
        answered.set_result(outcome)
        if outcome is Outcome.ANSWERED:
            longest = dial.max_call_duration.ToTimedelta().total_seconds() or DEFAULT_CALL_SECONDS
            await phone.talk(longest - (asyncio.get_running_loop().time() - started))
        return outcome

    async def _check(self, dial: api.CreateSIPParticipantRequest) -> None:
        if not dial.sip_trunk_id:
            raise TwirpError("invalid_argument", 400, "missing sip trunk id")
        if not dial.sip_call_to:
            raise TwirpError("invalid_argument", 400, "missing sip callee number")
        if not await self._trunks(dial.sip_trunk_id):
            raise TwirpError("not_found", 404, "requested sip trunk does not exist")

    async def _number_of(self, trunk_id: str) -> str:
        return next((number for trunk in await self._trunks(trunk_id) for number in trunk.numbers), "")

    async def _trunks(self, trunk_id: str) -> list[api.SIPOutboundTrunkInfo]:
        listed = await self._livekit.sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest(trunk_ids=[trunk_id]))
        return [trunk for trunk in listed.items if trunk.sip_trunk_id == trunk_id]


def _raise_unless_answered(outcome: Outcome, phone: Phone) -> None:
    match outcome:
        case Outcome.ANSWERED:
            return
        case Outcome.REFUSED if phone.refusal is not None:
            raise _refused(phone.refusal)
        case _:
            raise TwirpError("canceled", 408, "sip request timed out")


async def _refer(target: Scenario, ringing_seconds: float) -> None:
    """Let the phone that a callee is transferred to behave as one that is called."""
    if target.refusal is not None:
        raise _refused(target.refusal)
    rings = target.rings if target.answers else ringing_seconds
    await asyncio.sleep(min(rings, ringing_seconds))
    if not target.answers or rings >= ringing_seconds:
        raise TwirpError("deadline_exceeded", 408, "request timed out")


def _refused(refusal: Refusal) -> TwirpError:
    meta = {
        "sip_status_code": str(refusal.sip_status_code),
        "sip_status": refusal.sip_status,
        "error_details": refusal.sip_status,
    }
    return TwirpError(refusal.code, refusal.http_status, f"sip status: {refusal.sip_status_code}", meta)
