"""The secrets of one world: made once, kept in its folder, readable by its owner only."""

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import BaseModel, Field


def _token() -> str:
    return secrets.token_urlsafe(24)


class Secrets(BaseModel):
    """Keys of the world's own servers, and the key that seals stored secrets."""

    livekit_api_key: str = "parley"
    livekit_api_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    s3_access_key: str = "parley"
    s3_secret_key: str = Field(default_factory=_token)
    parley_secret_key: str = Field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())


def load(state: Path) -> Secrets:
    """Read the secrets of a world, making them first when there are none; two who come at once get the same."""
    file = state / "secrets.json"
    if not file.exists():
        with NamedTemporaryFile("w", encoding="utf-8", dir=state) as made:
            made.write(Secrets().model_dump_json())
            made.flush()
            with suppress(FileExistsError):
                os.link(made.name, file)
    return Secrets.model_validate_json(file.read_text(encoding="utf-8"))
