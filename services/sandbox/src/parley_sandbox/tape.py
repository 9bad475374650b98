"""What a mailbox recorded."""

import io
import wave
from collections import defaultdict

import numpy as np

from parley_sandbox.speech import Samples


class Tape:
    """Mixes the tracks that it is given from their beginnings on."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._tracks: defaultdict[str, list[Samples]] = defaultdict(list)

    def add(self, track: str, samples: Samples) -> None:
        self._tracks[track].append(samples)

    def wav(self) -> bytes:
        """Return 16-bit mono."""
        tracks = [np.concatenate(pieces).astype(np.int32) for pieces in self._tracks.values()]
        mixed = np.zeros(max((len(track) for track in tracks), default=0), np.int32)
        for track in tracks:
            mixed[: len(track)] += track
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self._rate)
            file.writeframes(mixed.clip(-32_768, 32_767).astype("<i2").tobytes())
        return buffer.getvalue()
