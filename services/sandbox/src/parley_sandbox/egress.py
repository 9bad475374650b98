"""LiveKit's egress service as the sandbox answers it."""

import asyncio
import tempfile
import time
import uuid
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from livekit import api

from parley_sandbox import twirp
from parley_sandbox.livekit_webhook import LiveKitWebhook
from parley_sandbox.recording import Recording
from parley_sandbox.settings import SandboxSettings
from parley_sandbox.storage import Storage
from parley_sandbox.twirp import TwirpError

log = structlog.get_logger()

_S = api.EgressStatus
ENDED = frozenset({_S.EGRESS_COMPLETE, _S.EGRESS_FAILED, _S.EGRESS_ABORTED, _S.EGRESS_LIMIT_REACHED})
SERVICE = "/twirp/livekit.Egress"


class EgressService:
    """Starts, stops and lists recordings."""

    def __init__(self, settings: SandboxSettings, storage: Storage, webhook: LiveKitWebhook) -> None:
        self._settings = settings
        self._storage = storage
        self._webhook = webhook
        self._infos: dict[str, api.EgressInfo] = {}
        self._recordings: dict[str, Recording] = {}
        self._news: dict[str, asyncio.Queue[tuple[str, api.EgressInfo] | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{SERVICE}/StartRoomCompositeEgress", self.start),
            web.post(f"{SERVICE}/StopEgress", self.stop),
            web.post(f"{SERVICE}/ListEgress", self.list),
        ]

    async def start(self, request: web.Request) -> web.Response:
        twirp.authorize(request, self._settings)
        wanted = await twirp.parse(request, api.RoomCompositeEgressRequest())
        if not wanted.audio_only or not wanted.file_outputs:
            raise TwirpError("invalid_argument", 400, "the sandbox records audio to a file")
        egress_id = f"EG_{uuid.uuid4().hex[:12]}"
        info = api.EgressInfo(
            egress_id=egress_id,
            room_name=wanted.room_name,
            status=_S.EGRESS_STARTING,
            started_at=time.time_ns(),
            room_composite=wanted,
        )
        self._infos[egress_id] = info
        self._news[egress_id] = asyncio.Queue()
        self._spawn(self._tell(self._news[egress_id]))
        self._say("egress_started", info)
        self._spawn(self._run(info, wanted.file_outputs[0].filepath))
        return twirp.answer(request, info)

    async def stop(self, request: web.Request) -> web.Response:
        twirp.authorize(request, self._settings)
        wanted = await twirp.parse(request, api.StopEgressRequest())
        info = self._infos.get(wanted.egress_id)
        if info is None:
            raise TwirpError("not_found", 404, "egress does not exist")
        recording = self._recordings.get(wanted.egress_id)
        if recording is None or info.status in ENDED:
            name = _S.Name(info.status)
            raise TwirpError("failed_precondition", 412, f"egress with status {name} cannot be stopped")
        self._change(info, _S.EGRESS_ENDING, "egress_updated")
        recording.stop()
        return twirp.answer(request, info)

    async def list(self, request: web.Request) -> web.Response:
        twirp.authorize(request, self._settings)
        wanted = await twirp.parse(request, api.ListEgressRequest())
        found = [
            info
            for info in self._infos.values()
            if wanted.room_name in ("", info.room_name)
            and wanted.egress_id in ("", info.egress_id)
            and not (wanted.active and info.status in ENDED)
        ]
        return twirp.answer(request, api.ListEgressResponse(items=found))

    async def close(self) -> None:
        for recording in self._recordings.values():
            recording.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, info: api.EgressInfo, key: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recording.ogg"
            recording = Recording(self._settings, info.egress_id, info.room_name, path)
            recording.on_active = lambda: self._change(info, _S.EGRESS_ACTIVE, "egress_updated")
            self._recordings[info.egress_id] = recording
            try:
                await recording.join()
                seconds = await recording.record()
                await self._finish(info, recording, path, key, seconds)
            except Exception as error:
                log.exception("egress failed", egress_id=info.egress_id)
                info.error = type(error).__name__
                info.error_code = 500
                self._end(info, _S.EGRESS_FAILED)
            finally:
                self._recordings.pop(info.egress_id, None)

    async def _finish(
        self, info: api.EgressInfo, recording: Recording, path: Path, key: str, seconds: float | None
    ) -> None:
        if seconds is None or recording.started_at is None:
            info.error = "Start signal not received"
            self._end(info, _S.EGRESS_ABORTED)
            return
        if info.status != _S.EGRESS_ENDING:
            self._change(info, _S.EGRESS_ENDING, "egress_updated")
        started = int(recording.started_at * 1e9)
        size = await self._storage.upload(path, key)
        info.file_results.append(
            api.FileInfo(
                filename=key,
                location=f"https://{self._storage.bucket}.s3.amazonaws.com/{key}",
                duration=int(seconds * 1e9),
                size=size,
                started_at=started,
                ended_at=started + int(seconds * 1e9),
            )
        )
        if recording.source_closed:
            info.details = "Source closed"
        self._end(info, _S.EGRESS_COMPLETE)

    def _change(self, info: api.EgressInfo, status: "api.EgressStatus", event: str) -> None:
        info.status = status
        info.updated_at = time.time_ns()
        self._say(event, info)

    def _end(self, info: api.EgressInfo, status: "api.EgressStatus") -> None:
        info.ended_at = time.time_ns()
        self._change(info, status, "egress_ended")
        self._news[info.egress_id].put_nowait(None)

    def _say(self, event: str, info: api.EgressInfo) -> None:
        snapshot = api.EgressInfo()
        snapshot.CopyFrom(info)
        self._news[info.egress_id].put_nowait((event, snapshot))

    async def _tell(self, news: asyncio.Queue[tuple[str, api.EgressInfo] | None]) -> None:
        while (item := await news.get()) is not None:
            await self._webhook.send(*item)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
