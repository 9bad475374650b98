"""Wires the sandbox: one HTTP server that is the whole outside world."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, TCPConnector, web
from livekit import api

from parley_sandbox import speech, twirp
from parley_sandbox.egress import EgressService
from parley_sandbox.hearing import Recogniser
from parley_sandbox.livekit_proxy import LiveKitProxy
from parley_sandbox.livekit_webhook import LiveKitWebhook
from parley_sandbox.pages import Pages
from parley_sandbox.providers import openai_realtime
from parley_sandbox.providers.cartesia import Cartesia
from parley_sandbox.providers.faults import Faults
from parley_sandbox.providers.openai_completions import Completions
from parley_sandbox.providers.openai_realtime import Realtime
from parley_sandbox.providers.sarvam import Sarvam
from parley_sandbox.receiver import Receiver
from parley_sandbox.scenarios import PHRASES
from parley_sandbox.settings import SandboxSettings
from parley_sandbox.sip import SipService
from parley_sandbox.sip_faults import SipFaults
from parley_sandbox.speech import Speech
from parley_sandbox.storage import Storage
from parley_sandbox.switchboard import Switchboard

MAX_BODY_BYTES = 64 * 1024 * 1024


@asynccontextmanager
async def sandbox(settings: SandboxSettings) -> AsyncIterator[web.Application]:
    """Make every part and route to it; the pass-through to LiveKit comes last and takes the rest."""
    voices, faults, sip_faults, switchboard, receiver = Speech(), Faults(), SipFaults(), Switchboard(), Receiver()
    recogniser = await _educated(voices)
    async with (
        ClientSession(auto_decompress=False, connector=TCPConnector(limit=0)) as http,
        api.LiveKitAPI(settings.livekit_server_url, settings.livekit_api_key, settings.secret) as livekit,
    ):
        sip = SipService(settings, livekit, voices, switchboard, sip_faults)
        egress = EgressService(settings, Storage(settings), LiveKitWebhook(settings, http))
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[twirp.errors])
        pages = Pages(switchboard, receiver, faults, sip_faults, livekit)
        for part in (sip, sip_faults, egress, faults, Realtime(recogniser, faults), Completions(faults),
                     Cartesia(voices, faults), Sarvam(voices, faults), receiver, pages):  # fmt: skip
            app.add_routes(part.routes())
        app.router.add_route("*", "/{path:.*}", LiveKitProxy(settings.livekit_server_url, http).pass_on)
        yield app
        await asyncio.gather(sip.close(), egress.close())


async def _educated(voices: Speech) -> Recogniser:
    """Let the recogniser hear every phrase once."""
    recogniser = Recogniser(openai_realtime.RATE)
    for phrase in PHRASES:
        recogniser.learn(phrase, await voices.render(phrase, speech.CALLEE, openai_realtime.RATE))
    return recogniser
