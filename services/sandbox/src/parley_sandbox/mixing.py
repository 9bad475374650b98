"""Two channels on one timeline, written as OGG/Opus: the agent left, everybody else right."""

from enum import IntEnum
from pathlib import Path

import av
import numpy as np

from parley_sandbox.speech import Samples

RATE = 48_000
LATE_SECONDS = 0.2
"""A frame this far behind the clock was preceded by a gap: it is placed at its time of arrival."""


class Channel(IntEnum):
    """Where a voice is heard."""

    AGENT = 0
    CALLEE = 1


class Lane:
    """One track's samples, placed on the recording's timeline."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._end = 0
        self._pieces: list[tuple[int, Samples]] = []

    def add(self, samples: Samples, clock: int) -> None:
        """Place samples that arrived when the recording was `clock` samples old."""
        if self._end < clock - len(samples) - LATE_SECONDS * RATE:
            self._end = max(0, clock - len(samples))
        self._pieces.append((self._end, samples))
        self._end += len(samples)

    def take(self, start: int, end: int) -> Samples:
        """Return the samples of [start, end), silence where there were none, and forget them."""
        taken = np.zeros(end - start, np.int16)
        kept: list[tuple[int, Samples]] = []
        for at, samples in self._pieces:
            low, high = max(at, start), min(at + len(samples), end)
            if low < high:
                taken[low - start : high - start] = samples[low - at : high - at]
            if at + len(samples) > end:
                kept.append((at, samples))
        self._pieces = kept
        return taken


class StereoFile:
    """An OGG/Opus file that grows while the call goes on."""

    def __init__(self, path: Path) -> None:
        self._container = av.open(str(path), "w", format="ogg")
        stream = self._container.add_stream("libopus", rate=RATE)
        if not isinstance(stream, av.AudioStream):
            raise TypeError("libopus is not an audio codec")
        stream.layout = "stereo"
        self._stream = stream
        self.written = 0

    def write(self, lanes: list[Lane], until: int) -> None:
        """Mix the lanes up to `until` samples."""
        if until <= self.written:
            return
        mixed = np.zeros((2, until - self.written), np.int32)
        for lane in lanes:
            mixed[lane.channel] += lane.take(self.written, until)
        interleaved = np.clip(mixed, -32768, 32767).astype(np.int16).T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(interleaved), format="s16", layout="stereo")
        frame.sample_rate = RATE
        frame.pts = self.written
        self._container.mux(self._stream.encode(frame))
        self.written = until

    def close(self) -> float:
        """Finish the file and return its length in seconds."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self.written / RATE
