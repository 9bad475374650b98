"""Server voice activity detection: where a turn begins, and what was said in it."""

import numpy as np

from parley_sandbox.hearing import LOUD, loudness
from parley_sandbox.speech import Samples

FRAME_SECONDS = 0.02
ONSET_FRAMES = 2
PREFIX_SECONDS = 0.2


class TurnDetector:
    """Cuts a stream of samples into utterances."""

    def __init__(self, rate: int) -> None:
        self._frame = int(rate * FRAME_SECONDS)
        self._prefix = int(rate * PREFIX_SECONDS)
        self._rest = np.zeros(0, np.int16)
        self._heard = np.zeros(0, np.int16)
        self._loud_frames = 0
        self._speaking = False
        self._silence = 0.0

    def hear(self, samples: Samples, silence_seconds: float) -> tuple[bool, Samples | None]:
        """Take in samples; say whether a turn began, and return one that ended."""
        started, ended = False, None
        self._rest = np.concatenate([self._rest, samples])
        while len(self._rest) >= self._frame:
            frame, self._rest = self._rest[: self._frame], self._rest[self._frame :]
            self._heard = np.concatenate([self._heard, frame])
            loud = loudness(frame) > LOUD
            if self._speaking:
                self._silence = 0.0 if loud else self._silence + FRAME_SECONDS
                if self._silence >= silence_seconds:
                    ended = self.cut()
            else:
                self._loud_frames = self._loud_frames + 1 if loud else 0
                self._heard = self._heard[-self._prefix :]
                if self._loud_frames >= ONSET_FRAMES:
                    self._speaking = started = True
                    self._silence = 0.0
        return started, ended

    def cut(self) -> Samples:
        """End the turn here and return what was said."""
        heard, self._heard = self._heard, np.zeros(0, np.int16)
        self._speaking, self._loud_frames, self._silence = False, 0, 0.0
        return heard
