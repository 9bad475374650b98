"""Everything of LiveKit that the sandbox does not answer itself goes to the real server, HTTP and WebSocket."""

import asyncio

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType, web

_HOP_BY_HOP = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "host",
        "keep-alive",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
        "transfer-encoding",
        "upgrade",
    }
)

type Socket = web.WebSocketResponse | ClientWebSocketResponse


class LiveKitProxy:
    """Stands in front of one LiveKit server."""

    def __init__(self, server_url: str, http: ClientSession) -> None:
        self._server_url = server_url.rstrip("/")
        self._http = http

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = f"{self._server_url}{request.rel_url}"
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._websocket(request, url, headers)
            return await self._request(request, url, headers)
        except ClientError:
            return web.Response(status=502, text="the LiveKit server does not answer")

    async def _request(self, request: web.Request, url: str, headers: dict[str, str]) -> web.Response:
        async with self._http.request(request.method, url, headers=headers, data=await request.read()) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def _websocket(self, request: web.Request, url: str, headers: dict[str, str]) -> web.WebSocketResponse:
        near = web.WebSocketResponse(max_msg_size=0)
        async with self._http.ws_connect(url.replace("http", "ws", 1), headers=headers, max_msg_size=0) as far:
            await near.prepare(request)
            ways = [asyncio.create_task(_pump(near, far)), asyncio.create_task(_pump(far, near))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                await near.close()
        return near


async def _pump(source: Socket, sink: Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
