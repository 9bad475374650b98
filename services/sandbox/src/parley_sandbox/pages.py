"""What the sandbox shows: a page for people, JSON for programs."""

from collections.abc import Sequence
from html import escape

from aiohttp import web
from livekit import api

from parley_sandbox.providers.faults import PROVIDERS, Faults
from parley_sandbox.receiver import Receiver
from parley_sandbox.scenarios import SCENARIOS
from parley_sandbox.sip_faults import SipFaults
from parley_sandbox.switchboard import Switchboard

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}td,th{text-align:left;padding:.35rem .6rem;"
    "border-bottom:1px solid #ddd;vertical-align:top}th{background:#f5f5f5}code{background:#f2f2f2;padding:.1rem .3rem}"
)
_LATEST = 25


class Pages:
    """The page, `GET /calls`, health."""

    def __init__(
        self,
        switchboard: Switchboard,
        receiver: Receiver,
        faults: Faults,
        sip_faults: SipFaults,
        livekit: api.LiveKitAPI,
    ) -> None:
        self._switchboard = switchboard
        self._receiver = receiver
        self._faults = faults
        self._sip_faults = sip_faults
        self._livekit = livekit

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.page),
            web.get("/calls", self.calls),
            web.delete("/calls", self.forget_calls),
            web.get("/calls/{sip_call_id}/left.wav", self.left),
            web.get("/health", self.health),
            web.get("/ready", self.ready),
        ]

    async def calls(self, request: web.Request) -> web.Response:
        return web.json_response([record.as_json() for record in self._switchboard.list(request.query.get("room"))])

    async def left(self, request: web.Request) -> web.Response:
        """Play what a mailbox recorded."""
        record = self._switchboard.find(request.match_info["sip_call_id"])
        if record is None or record.left is None:
            raise web.HTTPNotFound
        return web.Response(body=record.left.wav(), content_type="audio/wav")

    async def forget_calls(self, _request: web.Request) -> web.Response:
        self._switchboard.clear()
        return web.Response(status=204)

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, _request: web.Request) -> web.Response:
        try:
            await self._livekit.room.list_rooms(api.ListRoomsRequest(names=["-"]))
        except Exception:  # noqa: BLE001  # however it fails, LiveKit is missing
            return web.json_response({"missing": ["livekit"]}, status=503)
        return web.json_response({"missing": []})

    async def page(self, request: web.Request) -> web.Response:
        if request.headers.get("Upgrade"):
            raise web.HTTPBadRequest
        body = "".join(
            (
                "<h1>Parley sandbox</h1><p>A phone network, a recorder, model providers and a receiver in a box.",
                " JSON: <a href=/calls>/calls</a>, <a href=/providers>/providers</a>, <code>/receiver/NAME</code></p>",
                "<h2>Calls</h2>",
                self._calls_table(),
                "<h2>Reports received</h2>",
                self._reports_table(),
                "<h2>Faults</h2>",
                _table(("of", "fault"), self._faults_rows()),
                "<h2>Numbers</h2>",
                _table(("number ends in", "the callee"), [(n, s.summary) for n, s in SCENARIOS.items()]),
            )
        )
        html = f"<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=3><title>Parley sandbox</title><style>{_STYLE}</style>{body}"  # noqa: E501  # one line of HTML
        return web.Response(text=html, content_type="text/html")

    def _faults_rows(self) -> list[tuple[object, ...]]:
        providers = [(name, self._faults.kind(name) or "none") for name in PROVIDERS]
        return [*providers, ("sip", self._sip_faults.kind or "none")]

    def _calls_table(self) -> str:
        rows = []
        for record in reversed(self._switchboard.list()[-_LATEST:]):
            told = record.as_json()
            names = ("to_number", "room_name", "ringing_at", "answered_at", "answer_to_first_word_seconds",
                     "response_seconds", "ended_at", "hung_up_by")  # fmt: skip
            rows.append(tuple(told.get(name) for name in names))
        head = ("number", "room", "ringing", "answered", "first word after s", "responses s", "ended", "hung up by")
        return _table(head, rows) if rows else "<p>No call yet.</p>"

    def _reports_table(self) -> str:
        rows = [
            (
                delivery.received_at,
                name,
                delivery.answered,
                {None: "no secret known", True: "holds", False: "BROKEN"}[delivery.verified],
            )  # a row
            for name, delivery in self._receiver.latest(_LATEST)
        ]
        return _table(("received", "receiver", "answered", "signature"), rows) if rows else "<p>None yet.</p>"


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    def line(cells: tuple[object, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape('' if cell is None else str(cell))}</{tag}>" for cell in cells)

    return "<table>" + line(head, "th") + "".join(line(row, "td") for row in rows) + "</table>"
