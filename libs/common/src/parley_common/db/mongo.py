"""Connection to MongoDB through motor, and the translation of its errors into ours."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import BaseModel, ValidationError
from pymongo import WriteConcern
from pymongo.errors import ConnectionFailure, DuplicateKeyError, OperationFailure, PyMongoError

from parley_common.errors import AlreadyExists, DatabaseUnavailable, DocumentUnreadable
from parley_common.settings import MongoSettings

type Document = dict[str, Any]
type Collection = AsyncIOMotorCollection[Document]
type Database = AsyncIOMotorDatabase[Document]

SERVER_SELECTION_TIMEOUT_MS = 3_000
OPERATION_TIMEOUT_MS = 5_000
"""Retries included; without it a server that hangs holds an operation for as long as the driver's heartbeat takes."""

_REFUSED_BY_SERVER = frozenset({2, 9})
"""Bad value, failed to parse: the server understood; anything else may pass later."""


@asynccontextmanager
async def connect(settings: MongoSettings) -> AsyncIterator[Database]:
    """Open a client of this event loop; it connects lazily, so a dead server shows at the first use."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        str(settings.mongodb_url),
        tz_aware=True,
        appname="parley",
        serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS,
        timeoutMS=OPERATION_TIMEOUT_MS,
    )
    try:
        yield client.get_database(settings.database_name, write_concern=WriteConcern("majority"))
    finally:
        client.close()


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises into an error with a verdict.

    What a server refuses it tells with the document, so such an error is not kept as the cause of ours.
    """
    try:
        yield
    except DuplicateKeyError:
        raise AlreadyExists("a document with this key exists") from None
    except ConnectionFailure as error:
        raise DatabaseUnavailable("the database cannot be reached") from error
    except OperationFailure as error:
        if error.code in _REFUSED_BY_SERVER:
            raise
        raise DatabaseUnavailable(f"the database failed in the middle of an operation (code {error.code})") from None
    except PyMongoError as error:
        raise DatabaseUnavailable("the database did not answer") from error


async def ping(database: Database) -> None:
    with translated():
        await database.command("ping")


def to_document(model: BaseModel, id_field: str) -> Document:
    """Write a model as a document whose `_id` is the model's own id."""
    document = model.model_dump()
    document["_id"] = document.pop(id_field)
    return document


def from_document[M: BaseModel](model: type[M], document: Mapping[str, Any], id_field: str) -> M:
    """Read a document as a model. Raises DocumentUnreadable, which names the fields and not what they hold."""
    fields = dict(document)
    fields[id_field] = fields.pop("_id")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        names = sorted({str(found["loc"][0]) for found in error.errors(include_input=False) if found["loc"]})
        raise DocumentUnreadable(f"{model.__name__}: {', '.join(names)}") from None


def plain(value: object) -> object:
    """Turn models inside a value into what the driver can store."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
