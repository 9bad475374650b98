"""RabbitMQ's real management behind a door that a test can shut at any step."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL


class Gatekeeper:
    """Passes requests on; those that `shut` names are answered 500, such as "PUT users"; "" is all of them."""

    def __init__(self, target: URL, http: aiohttp.ClientSession) -> None:
        self.shut: str | None = None
        self.url = ""
        self._target = target
        self._http = http

    async def handle(self, request: web.Request) -> web.Response:
        step = f"{request.method} {request.rel_url.raw_path.removeprefix('/api/').partition('/')[0]}"
        if self.shut is not None and step.startswith(self.shut):
            return web.Response(status=500)
        async with self._http.request(
            request.method,
            self._target.join(request.rel_url),
            data=await request.read(),
            headers={"Authorization": request.headers["Authorization"], "Content-Type": request.content_type},
        ) as response:
            return web.Response(status=response.status, body=await response.read(), content_type=response.content_type)


@asynccontextmanager
async def gatekeeper(target: URL) -> AsyncIterator[Gatekeeper]:
    async with aiohttp.ClientSession() as http:
        made = Gatekeeper(target.with_user(None), http)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", made.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = str(target.with_port(runner.addresses[0][1]))
        yield made
        await runner.cleanup()
