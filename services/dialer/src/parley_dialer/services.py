"""What the dialer's rules work with, made once at start."""

from dataclasses import dataclass

from parley_common.db import Calls, Database
from parley_common.db.lines import Lines
from parley_common.db.transcripts import Transcripts
from parley_common.db.trunks import Trunks
from parley_common.relay import Relay
from parley_dialer.settings import DialerSettings
from parley_dialer.telephony import Telephony


@dataclass(frozen=True)
class Services:
    """Repositories, the relay, and the port to rooms and phones."""

    settings: DialerSettings
    calls: Calls
    lines: Lines
    trunks: Trunks
    transcripts: Transcripts
    relay: Relay
    telephony: Telephony


def assemble(settings: DialerSettings, database: Database, relay: Relay, telephony: Telephony) -> Services:
    return Services(
        settings=settings,
        calls=Calls(database),
        lines=Lines(database),
        trunks=Trunks(database),
        transcripts=Transcripts(database),
        relay=relay,
        telephony=telephony,
    )
