"""Hands the callee over to another number."""

from google.protobuf.duration_pb2 import Duration
from livekit import api
from livekit.agents import JobContext

from parley_agent.line import Line
from parley_common import livekit
from parley_common.errors import LiveKitRefused, LiveKitUnavailable

RINGING_SECONDS = 30
SPARE_SECONDS = 5


class Handover:
    """One SIP REFER at a time; the callee hears a dial tone meanwhile."""

    def __init__(self, ctx: JobContext, line: Line) -> None:
        self._ctx = ctx
        self._line = line
        self.under_way = False

    async def to(self, number: str) -> bool:
        """Return whether the other side has answered; the callee has left us then, or will at once."""
        callee = self._line.callee
        if callee is None:
            return False
        refer = api.TransferSIPParticipantRequest(
            room_name=self._ctx.room.name,
            participant_identity=callee.identity,
            transfer_to=f"tel:{number}",
            play_dialtone=True,
            ringing_timeout=Duration(seconds=RINGING_SECONDS),
        )
        self.under_way = True
        try:
            async with livekit.answering(RINGING_SECONDS + SPARE_SECONDS):
                await self._ctx.api.sip.transfer_sip_participant(refer)
        except (LiveKitRefused, LiveKitUnavailable):
            return False
        finally:
            self.under_way = False
        return True
