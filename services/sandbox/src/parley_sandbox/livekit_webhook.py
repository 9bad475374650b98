"""Webhooks as LiveKit sends them: signed with the API key, repeated for a while when nobody accepts them."""

import asyncio
import base64
import hashlib
import time
import uuid

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout
from google.protobuf import json_format
from livekit import api

from parley_sandbox.settings import SandboxSettings

log = structlog.get_logger()

RETRY_SECONDS = (1.0, 3.0, 7.0, 15.0)


class LiveKitWebhook:
    """Tells one address what the sandbox's egress does; events of one egress keep their order."""

    def __init__(self, settings: SandboxSettings, http: ClientSession) -> None:
        self._settings = settings
        self._http = http

    async def send(self, event: str, egress: api.EgressInfo) -> None:
        message = api.WebhookEvent(
            event=event, id=f"EV_{uuid.uuid4().hex[:12]}", created_at=int(time.time()), egress_info=egress
        )
        body = json_format.MessageToJson(message).encode()
        for delay in (*RETRY_SECONDS, None):
            if await self._accepted(body) or delay is None:
                return
            await asyncio.sleep(delay)

    async def _accepted(self, body: bytes) -> bool:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        token = api.AccessToken(self._settings.livekit_api_key, self._settings.secret).with_sha256(digest).to_jwt()
        headers = {"Authorization": token, "Content-Type": "application/webhook+json"}
        try:
            async with self._http.post(
                self._settings.livekit_webhook_url, data=body, headers=headers, timeout=ClientTimeout(total=5)
            ) as answer:
                return answer.ok
        except (ClientError, TimeoutError):
            return False
