"""Hears whether a mailbox records: the last sound on the line was a steady tone, or there is silence for long."""

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
FRAME_MS = 40
FRAME_SECONDS = FRAME_MS / 1000
LOUD = 350.0
"""Root mean square of 16-bit samples above which a frame is a sound."""

LOWEST_HERTZ = 350
NEIGHBOURS = 2
TONE_SHARE = 0.8
"""Share of a frame's power within two steps of 25 Hz of its peak; measured: a vowel stays below it for most frames."""

TONE_SECONDS = 0.16
PAUSE_AFTER_TONE_SECONDS = 0.2
PAUSE_WITHOUT_TONE_SECONDS = 3.0


class BeepEar:
    """Takes in frames of FRAME_MS at RATE, mono."""

    def __init__(self) -> None:
        self._tone_seconds = 0.0
        self._quiet_seconds = 0.0
        self._pitch = 0

    @property
    def mailbox_records(self) -> bool:
        after_tone = self._tone_seconds >= TONE_SECONDS
        return self._quiet_seconds >= (PAUSE_AFTER_TONE_SECONDS if after_tone else PAUSE_WITHOUT_TONE_SECONDS)

    def hear(self, samples: NDArray[np.int16]) -> None:
        frame = samples.astype(np.float64)
        if np.sqrt(np.mean(np.square(frame))) <= LOUD:
            self._quiet_seconds += FRAME_SECONDS
            return
        self._quiet_seconds = 0.0
        pitch = _pitch(frame)
        steady = pitch is not None and abs(pitch - self._pitch) <= 1
        self._tone_seconds = self._tone_seconds + FRAME_SECONDS if steady else 0.0
        self._pitch = pitch or 0


def _pitch(frame: NDArray[np.float64]) -> int | None:
    """Return the place of a frame's only tone in its spectrum; None for any other sound."""
    power = np.abs(np.fft.rfft(frame * np.hanning(len(frame)))) ** 2
    lowest = LOWEST_HERTZ * FRAME_MS // 1000
    peak = lowest + int(np.argmax(power[lowest:]))
    around = power[peak - NEIGHBOURS : peak + NEIGHBOURS + 1].sum()
    return peak if around / power.sum() >= TONE_SHARE else None
