"""Imported once by the process from which every job is forked: what is built here costs no call anything.

Built at its first use it would stop a call's own loop, some of it between the answer and the greeting (measured, on
two idle cores): messages of the model 0.25 s, the certificates that are trusted 0.14 s, hyphens 0.02 s.
"""

from livekit.agents.tokenize.basic import hyphenate_word
from livekit.agents.utils.http_context import _create_ssl_context  # kept by livekit-agents for every session
from openai import BaseModel
from openai.types import realtime

for message in vars(realtime).values():
    if isinstance(message, type) and issubclass(message, BaseModel):
        message.model_rebuild()
_create_ssl_context()
hyphenate_word("preloading")
