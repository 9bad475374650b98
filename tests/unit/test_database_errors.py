"""What the database refuses is told without what was to be stored, and is not taken for stored."""

import traceback
from typing import Any

import pytest
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from parley_common.db.deliveries import Deliveries
from parley_common.db.mongo import from_document, translated
from parley_common.errors import DatabaseUnavailable, DocumentUnreadable, ParleyError
from parley_common.trunks import Trunk
from tests import factories
from tests.support.archive import SECRET, delivery

TIMED_OUT = {"code": 64, "errmsg": "waiting for replication timed out"}
FULL = {"index": 0, "code": 14031, "errmsg": "out of disk space", "op": {"body": SECRET}}


def refusal(writes: list[dict[str, Any]], concerns: list[dict[str, Any]]) -> BulkWriteError:
    return BulkWriteError({"writeErrors": writes, "writeConcernErrors": concerns, "nInserted": 1})


class Refusing:
    """A database whose only collection refuses."""

    def __init__(self, error: PyMongoError) -> None:
        self._error = error

    def get_collection(self, _name: str) -> "Refusing":
        return self

    async def insert_many(self, _documents: object, *, ordered: bool) -> None:
        raise self._error


@pytest.mark.parametrize("error", [refusal([FULL], []), DuplicateKeyError(f"dup key: {SECRET}", 11000)])
def test_refused_document_is_in_no_traceback(error: PyMongoError) -> None:
    with pytest.raises(ParleyError) as told, translated():
        raise error
    assert SECRET not in "".join(traceback.format_exception(told.value))


def test_document_of_another_version_is_told_of_by_the_names_of_its_fields() -> None:
    with pytest.raises(DocumentUnreadable, match="trunk_name") as told:
        from_document(Trunk, {"_id": "ST_1", "trunk_name": [SECRET]}, "trunk_id")
    assert SECRET not in "".join(traceback.format_exception(told.value))


@pytest.mark.parametrize("error", [refusal([FULL], []), refusal([], [TIMED_OUT])], ids=["full", "not replicated"])
async def test_deliveries_that_may_be_lost_are_not_counted_as_stored(error: BulkWriteError) -> None:
    database: Any = Refusing(error)
    with pytest.raises(DatabaseUnavailable):
        await Deliveries(database).add([delivery(factories.call(), "1")])
