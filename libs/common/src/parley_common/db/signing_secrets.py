"""The secrets with which webhooks are signed, sealed at rest: one an endpoint, one an owner for end-call URLs."""

import base64
import secrets
from datetime import timedelta

from parley_common.clock import now
from parley_common.crypto import SecretBox
from parley_common.db.mongo import Database, Document, translated
from parley_common.errors import AlreadyExists, WriteContended

PURPOSE = "webhook_secret"
PREFIX = "whsec_"
_SECRET_BYTES = 32


class SigningSecrets:
    """Makes a holder's secret at its first use; a rotated one goes on signing beside its successor for a while.

    Reading raises SecretUnreadable when PARLEY_SECRET_KEY is not the one under which a secret was sealed.
    """

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._secrets = database.get_collection("signing_secrets")
        self._box = box

    async def of(self, holder: str) -> str:
        """Return the secret of an owner or endpoint, `whsec_...`."""
        return self._open((await self._document(holder))["sealed"])

    async def signing(self, holder: str) -> list[str]:
        """Return every secret that signs now, the newest first."""
        document = await self._document(holder)
        return [self._open(each["sealed"]) for each in (document, *_still_signing(document))]

    async def rotate(self, holder: str, overlap: timedelta) -> str:
        """Make a new secret and return it; the old ones sign beside it for as long as each was promised to.

        An overlap of nothing ends all of them at once.
        """
        document = await self._document(holder)
        sealed, fresh, moment = document["sealed"], _fresh(), now()
        overlapping = [{"sealed": sealed, "until": moment + overlap}, *_still_signing(document)] if overlap else []
        facts = {"sealed": self._seal(fresh), "created_at": moment, "earlier": overlapping}
        with translated():
            result = await self._secrets.update_one({"_id": holder, "sealed": sealed}, {"$set": facts})
        if not result.modified_count:
            raise WriteContended("the secret was rotated by somebody else at the same time")
        return fresh

    async def _document(self, holder: str) -> Document:
        """Read a holder's secret, or be the one who makes it: the first insert wins, whoever comes second reads it."""
        found = await self._find(holder)
        if found is not None:
            return found
        first = {"_id": holder, "sealed": self._seal(_fresh()), "created_at": now()}
        try:
            with translated():
                await self._secrets.insert_one(first)
        except AlreadyExists as error:
            found = await self._find(holder)
            if found is None:
                raise WriteContended("the secret vanished between two looks") from error
            return found
        return first

    async def _find(self, holder: str) -> Document | None:
        with translated():
            return await self._secrets.find_one({"_id": holder})

    def _seal(self, secret: str) -> str:
        return self._box.seal(secret, purpose=PURPOSE)

    def _open(self, sealed: str) -> str:
        return self._box.open(sealed, purpose=PURPOSE)


def _still_signing(document: Document) -> list[Document]:
    """Return the earlier secrets whose overlap lasts."""
    return [each for each in document.get("earlier", []) if each["until"] > now()]


def _fresh() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
