"""Reads what really happened, from the outside: shares no code with the services.

The database, the event log (a queue of its own that hears everything), the phone network's book of INVITEs, the
customer's endpoint, LiveKit's rooms and egresses, the broker's dead letters.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import aio_pika
import httpx
from livekit import api
from pymongo import AsyncMongoClient

from parley_local.parts import HOST
from parley_local.world import World

QUEUE = "faults.reader"
FINAL = {"completed", "no_answer", "busy", "declined", "failed", "canceled", "expired"}
QUIET_SECONDS = 60.0


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
    double_invites: list[str]
    untrue_reports: list[str]
    words_lost: list[str]
    calls_resumed: int
    leaked_rooms: list[str]
    leaked_egresses: list[str]
    unpublished_events: list[str]
    dead_letters: dict[str, int]
    statuses: dict[str, int]

    def broken(self) -> dict[str, object]:
        """Name the promises that were not kept."""
        whole = ("accepted", "ended", "reported", "calls_resumed", "statuses")
        return {name: value for name, value in vars(self).items() if name not in whole and value}


class EventLog:
    """Hears every event from its start on, in a queue that outlives the broker's death."""

    def __init__(self, world: World) -> None:
        self._url = world.environment()["RABBITMQ_URL"]
        self._management = f"http://{HOST}:{world.ports.rabbitmq_management_port}/api/queues"

    async def open(self) -> None:
        connection = await aio_pika.connect(self._url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
            await queue.bind("parley.events", "#")
            await queue.purge()

    async def events(self) -> list[dict[str, Any]]:
        """Take everything that was heard."""
        heard = []
        connection = await aio_pika.connect(self._url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(QUEUE, passive=True)
            while message := await queue.get(no_ack=True, fail=False):
                heard.append(json.loads(message.body))
        return heard

    async def dead_letters(self) -> dict[str, int]:
        async with httpx.AsyncClient(auth=("guest", "guest"), timeout=20, trust_env=False) as http:
            queues = (await http.get(self._management)).json()
        return {
            queue["name"]: queue["messages"]
            for queue in queues
            if queue["name"].endswith(".dead") and queue.get("messages")
        }


async def read(world: World, log: EventLog, receiver: str, accepted: Collection[str]) -> Findings:
    """Judge the run once all is quiet."""
    calls = await _calls(world, accepted)
    events = await log.events()
    reports = await _reports(world, receiver)
    invites = await _invites(world)
    rooms, egresses = await _left_on_livekit(world, {call["room_name"] for call in calls})
    said = [event for event in events if event["type"] == "call.ended.v1"]
    answered = {invite["room_name"] for invite in invites if invite["answered_at"]}
    told = {report["data"]["call_id"]: report["data"] for report in reports.values() if report["type"] == "call.ended"}
    return Findings(
        accepted=len(accepted),
        ended=sum(call["status"] in FINAL for call in calls),
        reported=len(set(told) & set(accepted)),
        open_calls=[call["_id"] for call in calls if call["status"] not in FINAL],
        unreported=sorted(set(accepted) - set(told)),
        ends_said_twice=_repeated({(event["call_id"], event["event_id"]) for event in said}),
        reports_made_twice=_repeated(
            {(body["data"]["call_id"], webhook) for webhook, body in reports.items() if body["type"] == "call.ended"}
        ),
        double_invites=[
            each for each, times in Counter(call["participant_identity"] for call in invites).items() if times > 1
        ]
        + [room for room, times in Counter(call["room_name"] for call in invites).items() if times > 1],
        untrue_reports=[
            _contradiction(call, told[call["_id"]], invites)
            for call in calls
            if call["_id"] in told and (told[call["_id"]]["started_at"] is not None) != (call["room_name"] in answered)
        ],
        words_lost=_words_lost(calls, events),
        calls_resumed=len({event["call_id"] for event in events if event["type"] == "agent.replaced.v1"}),
        leaked_rooms=rooms,
        leaked_egresses=egresses,
        unpublished_events=[call["_id"] for call in calls if call.get("outbox")],
        dead_letters=await log.dead_letters(),
        statuses=dict(Counter(f"{call['status']} ({call.get('end_reason')})" for call in calls)),
    )


async def _calls(world: World, accepted: Collection[str]) -> list[dict[str, Any]]:
    async with AsyncMongoClient[dict[str, Any]](f"mongodb://{HOST}:{world.ports.mongodb_port}") as client:
        return await client["parley"]["calls"].find({"_id": {"$in": list(accepted)}}).to_list()


async def _reports(world: World, receiver: str) -> dict[str, dict[str, Any]]:
    """Return the bodies that were accepted, by webhook id: the same id twice is one report."""
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        received = (await http.get(f"http://{HOST}:{world.ports.sandbox_port}/receiver/{receiver}")).json()
    accepted = [each for each in received if each["answered"] == httpx.codes.OK]
    return {
        {name.lower(): value for name, value in each["headers"].items()}["webhook-id"]: each["body"]
        for each in accepted
    }


async def _invites(world: World) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        found: list[dict[str, Any]] = (await http.get(f"http://{HOST}:{world.ports.sandbox_port}/calls")).json()
    return found


async def _left_on_livekit(world: World, ours: Collection[str]) -> tuple[list[str], list[str]]:
    """Return rooms and egresses of these calls that do not go away by themselves in a minute."""
    given = world.environment()
    url = given["LIVEKIT_URL"].replace("ws", "http", 1)
    rooms: list[str] = []
    egresses: list[str] = []
    async with api.LiveKitAPI(url, given["LIVEKIT_API_KEY"], given["LIVEKIT_API_SECRET"]) as livekit:
        for _ in range(round(QUIET_SECONDS)):
            listed = await livekit.room.list_rooms(api.ListRoomsRequest())
            active = await livekit.egress.list_egress(api.ListEgressRequest(active=True))
            rooms = [await _described(livekit, room.name) for room in listed.rooms if room.name in ours]
            egresses = [egress.egress_id for egress in active.items if egress.room_name in ours]
            if not rooms and not egresses:
                break
            await asyncio.sleep(1)
    return rooms, egresses


async def _described(livekit: api.LiveKitAPI, room: str) -> str:
    listed = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
    return f"{room} with {[participant.identity for participant in listed.participants]}"


def _words_lost(calls: Iterable[dict[str, Any]], events: Iterable[dict[str, Any]]) -> list[str]:
    """A turn that was told live has to be in the call's own transcript."""
    live: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event["type"] == "transcript.chunk.v1":
            live[event["call_id"]].add(event["item_id"])
    return [call["_id"] for call in calls if live[call["_id"]] - {turn["item_id"] for turn in call["transcript"]}]


def _contradiction(call: dict[str, Any], report: dict[str, Any], invites: Iterable[dict[str, Any]]) -> str:
    """Say what the customer was told, what the phone saw, and what was written between."""
    told = _some(report, "call_status", "call_end_reason", "started_at", "ended_at")
    ours = [invite for invite in invites if invite["room_name"] == call["room_name"]]
    seen = [_some(invite, "answered_at", "ended_at", "hung_up_by") for invite in ours]
    written = _some(call, "answered_at", "ended_at", "agent_identity", "takeovers", "attempts")
    return f"{call['_id']}: told {told}; phone saw {seen}; written {written}"


def _some(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: document[name] for name in names}


def _repeated(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [call_id for call_id, times in Counter(call_id for call_id, _ in pairs).items() if times > 1]
