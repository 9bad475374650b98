"""What was found in a run, and how the promises are judged: pure, on what was read from the outside."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

SPEECHLESS = ("+15550002002",)
"""Who hangs up at the moment of answering."""

REFUSALS = {486: "busy", 603: "declined", 404: "invalid_number"}
"""What a report has to say of a phone that refused so."""

NOT_KNOWN = ("dial_outcome_unknown", "canceled")
"""What it may say instead: when those who waited for the answer died, and when the customer took the call back."""

TOO_SHORT = 12
"""Texts of so few characters are not looked for in logs."""


@dataclass(frozen=True)
class Findings:
    """One number for each promise; the ones that must be zero are listed in `broken`."""

    accepted: int
    ended: int
    reported: int
    open_calls: list[str]
    unreported: list[str]
    ends_said_twice: list[str]
    reports_made_twice: list[str]
    invites: int
    double_invites: list[str]
    rung_into_silence: list[str]
    """Callees who waited for a word until they gave up; while everything dies this cannot always be helped."""

    untrue_reports: list[str]
    words_lost: list[str]
    analyses_missing: list[str]
    words_logged: list[str]
    """What was logged with a number, a name or spoken words in it."""

    calls_resumed: int
    leaked_rooms: list[str]
    leaked_egresses: list[str]
    leaked_leases: list[str]
    leaked_processes: list[str]
    unpublished_events: list[str]
    dead_letters: dict[str, int]
    statuses: dict[str, int]

    def broken(self, *, calm: bool = False) -> dict[str, object]:
        """Name the promises that were not kept; in a run in which nobody died there are two more."""
        whole = ["accepted", "ended", "reported", "invites", "statuses"]
        whole += [] if calm else ["calls_resumed", "rung_into_silence"]
        return {name: value for name, value in vars(self).items() if name not in whole and value}


def words_lost(
    calls: Iterable[dict[str, Any]], events: Iterable[dict[str, Any]], reports: Iterable[dict[str, Any]]
) -> list[str]:
    """A turn that was told live has to be in the call's own transcript, and all of that in what its customer got."""
    live: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event["type"] == "transcript.chunk.v1":
            live[event["call_id"]].add(event["item_id"])
    told: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        told[report["call_id"]] |= {turn["text"] for turn in report["transcripts"]}
    return [
        call["_id"]
        for call in calls
        if live[call["_id"]] - {turn["item_id"] for turn in call["transcript"]}
        or {turn["text"] for turn in call["transcript"]} - told[call["_id"]]
    ]


def analyses_missing(calls: Iterable[dict[str, Any]], reports: Iterable[dict[str, Any]]) -> list[str]:
    """Of every conversation its customer is told what it came to, in the report or after it."""
    told = {(report["call_id"], report["analysis_status"]) for report in reports}
    wanted = ((call["_id"], "ready" if call["transcript"] else "failed") for call in calls if call["answered_at"])
    return [call_id for call_id, status in wanted if (call_id, status) not in told]


def words_logged(lines: Iterable[str], calls: Iterable[dict[str, Any]]) -> list[str]:
    """Name the lines that hold a number, a name, or what was said; a word or two may stand there by chance."""
    private: set[str] = set()
    for call in calls:
        private |= {call["to_number"].removeprefix("+"), call["metadata"]["name"]}
        private |= {turn["text"] for turn in call["transcript"] if len(turn["text"]) > TOO_SHORT}
    betrayed = re.compile("|".join(map(re.escape, private)))
    return sorted({_subject(line) for line in lines if betrayed.search(line)})


def _subject(line: str) -> str:
    try:
        return str(json.loads(line)["event"])
    except ValueError:
        return "a line that is no JSON"


def double_invites(invites: Sequence[dict[str, Any]]) -> list[str]:
    """Name the participants that were invited twice, and the rooms in which two were."""
    twice = (Counter(invite[name] for invite in invites) for name in ("participant_identity", "room_name"))
    return [each for counted in twice for each, times in counted.items() if times > 1]


def rung_into_silence(invites: Iterable[dict[str, Any]]) -> list[str]:
    return [
        invite["room_name"]
        for invite in invites
        if invite["answered_at"]
        and not invite["first_word_at"]
        and invite["hung_up_by"] == "callee"
        and invite["to_number"] not in SPEECHLESS
    ]


def untrue_reports(
    calls: Iterable[dict[str, Any]], told: dict[str, dict[str, Any]], invites: Sequence[dict[str, Any]]
) -> list[str]:
    """A report has to say of a phone that rang, an answer, a refusal and a hang-up what the phone says."""
    rung = {invite["room_name"]: invite for invite in invites}
    return [
        _contradiction(call, told[call["_id"]], invites)
        for call in calls
        if call["_id"] in told and not _is_true(told[call["_id"]], rung.get(call["room_name"]))
    ]


def _is_true(report: dict[str, Any], invite: dict[str, Any] | None) -> bool:
    reason, answered = report["call_end_reason"], report["started_at"] is not None
    if reason == "trunk_unreachable" and invite is not None and invite["ringing_at"]:
        return False
    if invite is None or not invite["answered_at"]:
        refusal = REFUSALS.get(invite["sip_status_code"]) if invite else None
        expected = reason in {refusal, *NOT_KNOWN} if refusal else reason not in REFUSALS.values()
        return expected and not answered
    return answered and (reason != "callee_hangup" or invite["hung_up_by"] != "caller")


def _contradiction(call: dict[str, Any], report: dict[str, Any], invites: Iterable[dict[str, Any]]) -> str:
    """Say what the customer was told, what the phone saw, and what was written between."""
    told = _some(report, "call_status", "call_end_reason", "started_at", "ended_at")
    ours = [invite for invite in invites if invite["room_name"] == call["room_name"]]
    seen = [_some(invite, "answered_at", "ended_at", "hung_up_by") for invite in ours]
    written = _some(call, "answered_at", "ended_at", "agent_identity", "takeovers", "attempts")
    return f"{call['_id']}: told {told}; phone saw {seen}; written {written}"


def _some(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: document[name] for name in names}


def repeated(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [call_id for call_id, times in Counter(call_id for call_id, _ in pairs).items() if times > 1]
