"""Reads what really happened, from the outside: shares no code with the services.

The database, the event log (a queue of its own that hears everything), the phone network's book of INVITEs, the
customer's endpoint, LiveKit's rooms and egresses, the broker's dead letters.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import httpx
from livekit import api
from pymongo import AsyncMongoClient

from parley_local.parts import HOST
from parley_local.world import World
from tests.faults.blaming import blamed_in_vain
from tests.faults.findings import (
    Findings,
    analyses_missing,
    double_invites,
    repeated,
    rung_into_silence,
    untrue_reports,
    words_logged,
    words_lost,
)
from tests.faults.processes import left_running
from tests.faults.schedule import SERVICES, Done

QUEUE = "faults.reader"
FINAL = {"completed", "no_answer", "busy", "declined", "failed", "canceled", "expired"}
OCCUPYING = ("starting", "dialing", "in_progress")
QUIET_SECONDS = 60.0


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


async def read(
    world: World, log: EventLog, receiver: str, accepted: Collection[str], faults: Iterable[Done]
) -> Findings:
    """Judge the run once all is quiet."""
    calls = await _calls(world, accepted)
    events = await log.events()
    reports = await _reports(world, receiver)
    invites = await _invites(world)
    rooms, egresses = await _left_on_livekit(world, {call["room_name"] for call in calls})
    said = [event for event in events if event["type"] == "call.ended.v1"]
    told = {report["data"]["call_id"]: report["data"] for report in reports.values() if report["type"] == "call.ended"}
    return Findings(
        accepted=len(accepted),
        ended=sum(call["status"] in FINAL for call in calls),
        reported=len(set(told) & set(accepted)),
        open_calls=[call["_id"] for call in calls if call["status"] not in FINAL],
        unreported=sorted(set(accepted) - set(told)),
        ends_said_twice=repeated({(event["call_id"], event["event_id"]) for event in said}),
        reports_made_twice=repeated(
            {(body["data"]["call_id"], webhook) for webhook, body in reports.items() if body["type"] == "call.ended"}
        ),
        invites=len(invites),
        double_invites=double_invites(invites),
        rung_into_silence=rung_into_silence(invites),
        untrue_reports=[*untrue_reports(calls, told, invites), *blamed_in_vain(calls, told, faults)],
        words_lost=words_lost(calls, events, [body["data"] for body in reports.values()]),
        analyses_missing=analyses_missing(calls, [body["data"] for body in reports.values()]),
        words_logged=words_logged((line for name in SERVICES for line in world.log(name).splitlines()), calls),
        calls_resumed=len({event["call_id"] for event in events if event["type"] == "agent.replaced.v1"}),
        leaked_rooms=rooms,
        leaked_egresses=egresses,
        leaked_leases=await _held(world),
        leaked_processes=await left_running(world),
        unpublished_events=[call["_id"] for call in calls if call.get("outbox")],
        dead_letters=await log.dead_letters(),
        statuses=dict(Counter(f"{call['status']} ({call.get('end_reason')})" for call in calls)),
    )


async def _calls(world: World, accepted: Collection[str]) -> list[dict[str, Any]]:
    async with _database(world) as client:
        return await client["parley"]["calls"].find({"_id": {"$in": list(accepted)}}).to_list()


async def _held(world: World) -> list[str]:
    """Return the calls, accepted or not, that occupy an agent or their own outbox, and workers that nobody heard of."""
    silent = datetime.now(UTC) - timedelta(seconds=QUIET_SECONDS)
    async with _database(world) as client:
        database = client["parley"]
        places = await database["calls"].find({"status": {"$in": OCCUPYING}}, {"_id": 1}).to_list()
        outboxes = await database["calls"].find({"relay_until": {"$exists": True}}, {"_id": 1}).to_list()
        workers = await database["agent_workers"].find({"seen_at": {"$lt": silent}}, {"_id": 1}).to_list()
    return [document["_id"] for document in (*places, *outboxes, *workers)]


def _database(world: World) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient[dict[str, Any]](f"mongodb://{HOST}:{world.ports.mongodb_port}")


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
