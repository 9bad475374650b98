"""The callee's leg, as the room shows it: rings, is answered, is gone."""

import asyncio
import time
from collections.abc import Callable

from livekit import rtc

from parley_common.lifecycle import EndReason

STATUS = "sip.callStatus"
REAPPEARANCE_GRACE_SECONDS = 20.0
"""After a LiveKit restart a callee who never left comes back in ten seconds, once it took thirteen (measured)."""

LOST_BY_LIVEKIT: frozenset[int | None] = frozenset(
    {
        None,
        rtc.DisconnectReason.CONNECTION_TIMEOUT,
        rtc.DisconnectReason.DUPLICATE_IDENTITY,
        rtc.DisconnectReason.JOIN_FAILURE,
        rtc.DisconnectReason.MIGRATION,
        rtc.DisconnectReason.PARTICIPANT_REMOVED,
        rtc.DisconnectReason.SERVER_SHUTDOWN,
        rtc.DisconnectReason.SIGNAL_CLOSE,
        rtc.DisconnectReason.STATE_MISMATCH,
    }
)
"""Why LiveKit has lost a phone, as when it restarts, or put it out: it may come back, and no carrier is to blame.

What LiveKit SIP tells of a call that its carrier dropped may have no reason either (livekit/sip); that blames the room.
"""

NOTICED_SECONDS = 3.0
"""So long a gap in the connection has cost words."""


class Line:
    """Watches the SIP participant of a room. Call `watch` before the room connects."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._vanished: asyncio.TimerHandle | None = None
        self._cut_at: float | None = None
        self._interrupted = False
        self.answered = asyncio.Event()
        self.on_ringing: Callable[[], None] = lambda: None
        self.on_answered: Callable[[], None] = lambda: None
        self.on_mended: Callable[[], None] = lambda: None
        self.on_gone: Callable[[EndReason], None] = lambda _: None
        self.on_key: Callable[[str], None] = lambda _: None

    def watch(self) -> None:
        self._room.on("participant_connected", self._joined)
        self._room.on("participant_attributes_changed", self._changed)
        self._room.on("participant_disconnected", self._left)
        self._room.on("reconnecting", self._cut)
        self._room.on("reconnected", self._reconnected)
        self._room.on("sip_dtmf_received", lambda pressed: self.on_key(pressed.digit))

    @property
    def callee(self) -> rtc.RemoteParticipant | None:
        return next((one for one in self._room.remote_participants.values() if is_phone(one)), None)

    def look(self) -> None:
        """Take in a callee who was in the room before us."""
        for participant in self._room.remote_participants.values():
            self._joined(participant)

    def resume(self) -> None:
        """Go on with a callee who answered before we came; after a LiveKit restart the status would deny it."""
        self.answered.set()
        if self.callee is None:
            self._expect_back()

    def _joined(self, participant: rtc.RemoteParticipant) -> None:
        if not is_phone(participant):
            return
        if self._vanished is not None:
            self._vanished.cancel()
            self._vanished = None
        self._status(participant.attributes.get(STATUS))
        self._tell_if_mended()

    def _changed(self, changed: dict[str, str], participant: rtc.Participant) -> None:
        if is_phone(participant):
            self._status(changed.get(STATUS))

    def _status(self, status: str | None) -> None:
        if status == "ringing":
            self.on_ringing()
        elif status == "active" and not self.answered.is_set():
            self.answered.set()
            self.on_answered()

    def _left(self, participant: rtc.RemoteParticipant) -> None:
        if not is_phone(participant):
            return
        match participant.disconnect_reason:
            case rtc.DisconnectReason.ROOM_DELETED:
                return  # we are put out too, and told so
            case rtc.DisconnectReason.CLIENT_INITIATED:
                self.on_gone(EndReason.CALLEE_HANGUP)
            case reason if reason in LOST_BY_LIVEKIT:
                self._expect_back()
            case _:
                self.on_gone(EndReason.CARRIER_ERROR)

    def _cut(self) -> None:
        self._cut_at = self._cut_at or time.monotonic()

    def _reconnected(self) -> None:
        gap = time.monotonic() - self._cut_at if self._cut_at else 0.0
        self._cut_at = None
        self._interrupted |= gap > NOTICED_SECONDS
        self._tell_if_mended()

    def _tell_if_mended(self) -> None:
        """Tell once both of us are back."""
        if self._interrupted and self._cut_at is None and self.answered.is_set() and self.callee is not None:
            self._interrupted = False
            self.on_mended()

    def _expect_back(self) -> None:
        loop = asyncio.get_running_loop()
        self._vanished = loop.call_later(REAPPEARANCE_GRACE_SECONDS, self.on_gone, EndReason.ROOM_LOST)


def is_phone(participant: rtc.Participant) -> bool:
    return participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP
