"""The floor of accepting: a FastAPI route that checks the body's types and inserts one document."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import BaseModel
from pymongo import WriteConcern

from parley_common.settings import HttpSettings, MongoSettings


class Body(BaseModel):
    """What a call needs."""

    assistant_id: str
    trunk_id: str
    to_number: str
    call_service: str
    metadata: dict[str, Any] | None = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect as Parley does, and take up the document that is inserted over and over."""
    settings = MongoSettings()
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(str(settings.mongodb_url), tz_aware=True)
    database = client.get_database(settings.database_name, write_concern=WriteConcern("majority"))
    app.state.template = await database.get_collection("template").find_one()
    app.state.calls = database.get_collection("calls")
    yield
    client.close()


app = FastAPI(lifespan=lifespan)


@app.get("/ready")
async def ready() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/call/outbound", status_code=202)
async def outbound(body: Body, request: Request) -> dict[str, str]:
    call_id = uuid.uuid4().hex
    own = {"_id": call_id, "room_name": call_id, "to_number": body.to_number, "metadata": body.metadata}
    await request.app.state.calls.insert_one(request.app.state.template | own)
    return {"call_id": call_id}


if __name__ == "__main__":
    http = HttpSettings()
    uvicorn.run(app, host=http.host, port=http.port, log_config=None, access_log=False, server_header=False)
