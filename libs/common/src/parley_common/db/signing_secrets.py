"""The secret with which a customer's webhooks are signed, one an owner, sealed at rest."""

import base64
import secrets

from pymongo import ReturnDocument

from parley_common.clock import now
from parley_common.crypto import SecretBox
from parley_common.db.mongo import Database, translated
from parley_common.ids import OwnerId

PURPOSE = "webhook_secret"
PREFIX = "whsec_"
_SECRET_BYTES = 32


class SigningSecrets:
    """Makes an owner's secret at its first use and returns the same one ever after."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._secrets = database.get_collection("signing_secrets")
        self._box = box

    async def of_owner(self, owner_id: OwnerId) -> str:
        """Return `whsec_...`. Raises SecretUnreadable when PARLEY_SECRET_KEY is not the one it was sealed under."""
        fresh = PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        first = {"sealed": self._box.seal(fresh, purpose=PURPOSE), "created_at": now()}
        with translated():
            document = await self._secrets.find_one_and_update(
                {"_id": owner_id}, {"$setOnInsert": first}, upsert=True, return_document=ReturnDocument.AFTER
            )
        return self._box.open(document["sealed"], purpose=PURPOSE)
