"""The sandbox's model that reads transcripts, served alone, and an analyst that asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from parley_common.settings import OpenAISettings
from parley_recorder import openai_analyst
from parley_recorder.openai_analyst import OpenAIAnalyst
from parley_sandbox.providers.faults import Faults
from parley_sandbox.providers.openai_completions import Completions


class ModelProvider:
    """Where it answers, and who asks it."""

    def __init__(self, url: str, analyst: OpenAIAnalyst) -> None:
        self._url = url
        self.analyst = analyst

    async def fail(self, kind: str, seconds: float = 0.5) -> None:
        await self._change("PUT", {"kind": kind, "seconds": seconds})

    async def recover(self) -> None:
        await self._change("DELETE", None)

    async def _change(self, method: str, fault: dict[str, object] | None) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.request(method, f"{self._url}/providers/openai/fault", json=fault)).raise_for_status()


@asynccontextmanager
async def serving() -> AsyncIterator[ModelProvider]:
    faults, app = Faults(), web.Application()
    for part in (faults, Completions(faults)):
        app.add_routes(part.routes())
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        settings = OpenAISettings(openai_api_key=SecretStr("key"), openai_base_url=f"{url}/openai/v1")
        async with openai_analyst.connect(settings) as analyst:
            yield ModelProvider(url, analyst)
