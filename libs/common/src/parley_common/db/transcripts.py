"""Live transcript chunks: what a call's transcript is rebuilt from when its agent dies."""

from parley_common.calls import Utterance
from parley_common.db.mongo import Database, translated
from parley_common.events import TranscriptChunk
from parley_common.ids import CallId


class Transcripts:
    """Stores chunks by (call, item), so that redelivery and order do not matter."""

    def __init__(self, database: Database) -> None:
        self._chunks = database.get_collection("transcript_chunks")

    async def store(self, chunk: TranscriptChunk) -> None:
        """Keep a chunk; one that came before under the same item is replaced."""
        spoken = Utterance.model_validate(chunk, from_attributes=True)
        document = {"call_id": chunk.call_id, **spoken.model_dump()}
        with translated():
            await self._chunks.replace_one({"_id": f"{chunk.call_id}:{chunk.item_id}"}, document, upsert=True)

    async def count(self, call_id: CallId) -> int:
        with translated():
            return await self._chunks.count_documents({"call_id": call_id})

    async def forget(self, call_id: CallId) -> None:
        """Delete whatever is kept of what was said on a call."""
        with translated():
            await self._chunks.delete_many({"call_id": call_id})

    async def of_call(self, call_id: CallId) -> list[Utterance]:
        """Return what was said, in the order in which it was said."""
        cursor = self._chunks.find({"call_id": call_id}).sort("spoken_at")
        with translated():
            return [Utterance.model_validate(document) async for document in cursor]
