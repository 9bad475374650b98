"""Egress over LiveKit: a room composite, audio only, two channels."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from livekit import api

from parley_common import livekit
from parley_common.errors import LiveKitRefused
from parley_common.livekit import answering
from parley_common.settings import LiveKitSettings, S3Settings
from parley_recorder.egress import EgressState, EgressView, sought

START_TIMEOUT_SECONDS = 25.0
"""Without an egress worker LiveKit waits 20 to 23 s before it says so (measured)."""

_NANOSECONDS = 1e9
_STATES = {
    api.EgressStatus.EGRESS_STARTING: EgressState.RUNNING,
    api.EgressStatus.EGRESS_ACTIVE: EgressState.RUNNING,
    api.EgressStatus.EGRESS_ENDING: EgressState.RUNNING,
    api.EgressStatus.EGRESS_COMPLETE: EgressState.COMPLETE,
    api.EgressStatus.EGRESS_LIMIT_REACHED: EgressState.COMPLETE,
    api.EgressStatus.EGRESS_FAILED: EgressState.FAILED,
    api.EgressStatus.EGRESS_ABORTED: EgressState.FAILED,
}


class LiveKitEgress:
    """Egress on one LiveKit server; `upload` is sent along when the egress server does not know the bucket itself."""

    def __init__(self, client: api.LiveKitAPI, upload: api.S3Upload | None = None) -> None:
        self._livekit = client
        self._upload = upload

    async def start(self, room_name: str, key: str) -> str:
        file = api.EncodedFileOutput(file_type=api.EncodedFileType.OGG, filepath=key, disable_manifest=True)
        if self._upload is not None:
            file.s3.CopyFrom(self._upload)
        request = api.RoomCompositeEgressRequest(
            room_name=room_name,
            audio_only=True,
            audio_mixing=api.AudioMixing.DUAL_CHANNEL_AGENT,
            file_outputs=[file],
        )
        async with answering(START_TIMEOUT_SECONDS):
            started = await self._livekit.egress.start_room_composite_egress(request)
        return started.egress_id

    async def find(self, room_name: str, egress_id: str | None = None) -> EgressView | None:
        async with answering():
            listed = await self._livekit.egress.list_egress(api.ListEgressRequest(room_name=room_name))
        latest_first = sorted(listed.items, key=_began_at, reverse=True)
        return sought([_view(info) for info in latest_first], egress_id)

    async def stop(self, egress_id: str) -> None:
        with suppress(LiveKitRefused):
            async with answering():
                await self._livekit.egress.stop_egress(api.StopEgressRequest(egress_id=egress_id))

    async def reachable(self) -> None:
        async with answering():
            await self._livekit.room.list_rooms(api.ListRoomsRequest(names=["-"]))


@asynccontextmanager
async def connect(settings: LiveKitSettings, upload: S3Settings | None = None) -> AsyncIterator[LiveKitEgress]:
    async with livekit.client(settings) as connected:
        yield LiveKitEgress(connected, _s3_upload(upload) if upload else None)


def _began_at(info: api.EgressInfo) -> float:
    starting = info.status == api.EgressStatus.EGRESS_STARTING
    return float("inf") if starting and not info.started_at else float(info.started_at)


def _view(info: api.EgressInfo) -> EgressView:
    file = info.file_results[0] if info.file_results else None
    return EgressView(
        egress_id=info.egress_id,
        state=_STATES.get(info.status, EgressState.FAILED),
        started_at=datetime.fromtimestamp(file.started_at / _NANOSECONDS, UTC) if file and file.started_at else None,
        duration_seconds=round(file.duration / _NANOSECONDS, 3) if file and file.duration else None,
        error=info.error or None,
    )


def _s3_upload(settings: S3Settings) -> api.S3Upload:
    secret = settings.aws_secret_access_key
    return api.S3Upload(
        access_key=settings.aws_access_key_id or "",
        secret=secret.get_secret_value() if secret else "",
        region=settings.aws_region,
        bucket=settings.s3_bucket_name,
        endpoint=settings.s3_endpoint_url or "",
        force_path_style=settings.s3_endpoint_url is not None,
    )
