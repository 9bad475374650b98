"""One callee: joins the room as LiveKit SIP's participant does, rings, answers, listens, speaks, hangs up."""

import asyncio
import time
import uuid
from enum import StrEnum

import structlog
from livekit import api, rtc

from parley_sandbox import speech
from parley_sandbox.ear import Ear
from parley_sandbox.mouth import RATE, Mouth
from parley_sandbox.scenarios import (
    Beep,
    HearStart,
    Listen,
    LoseAudio,
    Press,
    Record,
    Refusal,
    Say,
    Scenario,
    Step,
    Wait,
)
from parley_sandbox.settings import SandboxSettings
from parley_sandbox.speech import Speech
from parley_sandbox.switchboard import CallRecord

log = structlog.get_logger()

STATUS = "sip.callStatus"
DIALING_SECONDS = 0.1
REFUSAL_SECONDS = 0.2
JOIN_SECONDS = 10.0
LEAVING_SECONDS = 0.5
MEDIA_TIMEOUT_SECONDS = 15.0
DTMF_CODES = {digit: code for code, digit in enumerate("0123456789*#")}


class Outcome(StrEnum):
    """How the INVITE ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"


class Phone:
    """The leg of one INVITE."""

    def __init__(self, settings: SandboxSettings, voices: Speech, scenario: Scenario, record: CallRecord) -> None:
        self._settings = settings
        self._voices = voices
        self._scenario = scenario
        self._record = record
        self._room = rtc.Room()
        self._mouth = Mouth()
        self._ear = Ear(self._room, record.voices_heard_at)
        self._leaving: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._room.on("disconnected", lambda _: self._gone.set())

    @property
    def refusal(self) -> Refusal | None:
        return self._scenario.refusal

    async def ring(self, ringing_timeout: float) -> Outcome:
        """Join, ring, and return when the callee has answered or will not."""
        await self._join()
        if self._is_late() or await self._gone_within(DIALING_SECONDS):
            return await self._unanswered(Outcome.CANCELED, "caller")
        if self._scenario.refusal is not None:
            await self._gone_within(REFUSAL_SECONDS)
            self._record.sip_status_code = self._scenario.refusal.sip_status_code
            return await self._unanswered(Outcome.REFUSED, "callee")
        await self._set_status("ringing")
        self._record.ringing_at = time.time()
        rings = self._scenario.rings if self._scenario.answers else ringing_timeout
        if await self._gone_within(min(rings, ringing_timeout)):
            return await self._unanswered(Outcome.CANCELED, "caller")
        if not self._scenario.answers or rings >= ringing_timeout:
            return await self._unanswered(Outcome.TIMED_OUT, "network")
        return await self._pick_up(ringing_timeout - rings)

    async def talk(self, max_seconds: float) -> None:
        """Play the scenario and hang up, unless the other side does so first."""
        playing = asyncio.create_task(self._play())
        gone = asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait({playing, gone}, timeout=max_seconds, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                self._ended(Outcome.ANSWERED, "caller")
            elif playing.done():
                playing.result()
                self._ended(Outcome.ANSWERED, "callee")
            else:
                self._ended(Outcome.ANSWERED, "network")
        finally:
            for task in (playing, gone):
                task.cancel()
            await asyncio.gather(playing, gone, return_exceptions=True)
            await self._leave()

    def drop(self) -> None:
        """End the call as if the caller had; `ring` or `talk` returns soon after."""
        self._gone.set()

    async def _pick_up(self, within: float) -> Outcome:
        """Answer; a leg whose LiveKit is away while it rings is given up when its ringing is over, as an INVITE is."""
        try:
            async with asyncio.timeout(within):
                await self._mouth.open(self._room)
                wanted = not self._gone.is_set() and self._room.isconnected()
                if wanted:
                    await self._set_status("active")
        except TimeoutError:
            return await self._unanswered(Outcome.TIMED_OUT, "network")
        if not wanted:  # hung up on while it was picked up
            return await self._unanswered(Outcome.CANCELED, "caller")
        self._record.answered_at = time.time()
        self._record.sip_status_code = 200
        return Outcome.ANSWERED

    async def _leave(self) -> None:
        self._record.first_word_at = self._ear.first_word_at
        self._record.last_word_at = self._ear.last_loud_at or None
        await self._ear.close()
        await self._mouth.close()
        if self._room.isconnected():
            if self._record.hung_up_by == "callee":
                await self._set_status("hangup")
            await self._room.disconnect()

    async def _join(self) -> None:
        record = self._record
        attributes = {
            STATUS: "dialing",
            "sip.callID": record.sip_call_id,
            "sip.trunkID": record.trunk_id,
            "sip.phoneNumber": record.to_number,
            "sip.trunkPhoneNumber": record.from_number,
            "sip.hostname": "sandbox",
        }
        token = (
            api.AccessToken(self._settings.livekit_api_key, self._settings.secret)
            .with_identity(record.participant_identity)
            .with_name("callee")
            .with_kind("sip")
            .with_attributes(attributes)
            .with_grants(api.VideoGrants(room_join=True, room=record.room_name, can_update_own_metadata=True))
        )
        await self._room.connect(self._settings.livekit_websocket_url, token.to_jwt())

    def _is_late(self) -> bool:
        """Whether its caller has gone: the client library tries to join for a minute and a half."""
        return time.time() - self._record.invited_at > JOIN_SECONDS

    async def _set_status(self, status: str) -> None:
        await self._room.local_participant.set_attributes({STATUS: status})

    async def _gone_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            return False
        return True

    async def _unanswered(self, outcome: Outcome, by: str) -> Outcome:
        await self._mouth.close()
        self._leaving = asyncio.create_task(
            self._room.disconnect(reason=leaves_as(outcome, self._record.sip_status_code))
        )
        await asyncio.wait({self._leaving}, timeout=LEAVING_SECONDS)  # a LiveKit that stands still keeps who leaves
        return self._ended(outcome, by)

    def _ended(self, outcome: Outcome, by: str) -> Outcome:
        self._record.ended_at = time.time()
        self._record.hung_up_by = by
        return outcome

    async def _play(self) -> None:
        for step in self._scenario.steps:
            if not await self._perform(step):
                return

    async def _perform(self, step: Step) -> bool:
        """Do one step; False when the callee has had enough."""
        match step:
            case Listen(patience):
                return await self._ear.until_quiet(patience)
            case HearStart(then, patience):
                heard = await self._ear.until_speaking(patience)
                await asyncio.sleep(then)
                return heard
            case Say(text, part):
                samples = await self._voices.render(text, speech.CALLEE, RATE)
                await self._mouth.say(samples[: int(len(samples) * part)])
                self._ear.measure_response(time.time(), self._responded)
            case Press(digits):
                for digit in digits:
                    await self._room.local_participant.publish_dtmf(code=DTMF_CODES[digit], digit=digit)
            case Beep(seconds):
                await self._mouth.say(speech.beep(seconds, RATE))
            case Record(seconds):
                self._record.left = self._ear.record()
                await asyncio.sleep(seconds)
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case LoseAudio():
                await self._mouth.close()
                await asyncio.sleep(MEDIA_TIMEOUT_SECONDS)
                self._record.hung_up_by = "network"
        return True

    def _responded(self, seconds: float) -> None:
        self._record.response_seconds.append(round(seconds, 3))


def leaves_as(outcome: Outcome, sip_status_code: int | None) -> rtc.DisconnectReason.ValueType:
    """Give the reason with which LiveKit SIP takes an unanswered leg out of its room (livekit/sip `participant.go`)."""
    match outcome, sip_status_code:
        case (Outcome.TIMED_OUT, _) | (Outcome.REFUSED, 404 | 408 | 480):
            return rtc.DisconnectReason.USER_UNAVAILABLE
        case (Outcome.REFUSED, 403 | 486 | 600 | 603):
            return rtc.DisconnectReason.USER_REJECTED
        case (Outcome.REFUSED, _):
            return rtc.DisconnectReason.SIP_TRUNK_FAILURE
        case _:
            return rtc.DisconnectReason.CLIENT_INITIATED


def new_sip_call_id() -> str:
    return f"SCL_{uuid.uuid4().hex[:12]}"
