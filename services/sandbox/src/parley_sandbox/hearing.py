"""Hearing without a speech model: loudness tells speech from silence, and the shape of loudness tells what was said."""

import numpy as np
from numpy.typing import NDArray

from parley_sandbox.speech import Samples

LOUD = 350.0
"""Root mean square of 16-bit samples above which a frame is speech."""

ENVELOPE_SECONDS = 0.02
RECOGNISED = 0.4
SMOOTHING_FRAMES = 7
"""A busy machine stretches and shakes the audio by tens of milliseconds; words still rise and fall as they did."""

TEMPOS = (1.0, 0.97, 0.94, 0.91, 0.88, 0.85, 1.03)
"""Gaps make what is heard longer; the words are looked for at these shares of its length."""

NOT_UNDERSTOOD = "(something that the sandbox does not understand)"
_SHORTEST_SHARE = 0.25


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


class Recogniser:
    """Knows a bank of phrases by the envelope of their loudness, which survives the telephone codec."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._bank: dict[str, NDArray[np.float64]] = {}

    def learn(self, text: str, samples: Samples) -> None:
        self._bank[text] = _trimmed(_envelope(samples, self._rate))

    def understand(self, samples: Samples) -> str:
        """Return the phrase, or as many of its words as were spoken before the speaker stopped."""
        heard = _trimmed(_envelope(samples, self._rate))
        if not len(heard):
            return NOT_UNDERSTOOD
        played = [_at_tempo(heard, tempo) for tempo in TEMPOS]
        likenesses = {text: max(_likeness(each, known) for each in played) for text, known in self._bank.items()}
        best = max(likenesses, key=likenesses.__getitem__, default=None)
        if best is None or likenesses[best] < RECOGNISED:
            return NOT_UNDERSTOOD
        return _spoken_part(best, len(heard) / len(self._bank[best]))


def _envelope(samples: Samples, rate: int) -> NDArray[np.float64]:
    size = int(rate * ENVELOPE_SECONDS)
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    return np.sqrt(np.mean(np.square(frames), axis=1)) if len(frames) else np.zeros(0)


def _trimmed(envelope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut silence off both ends and smooth what is left."""
    loud = np.flatnonzero(envelope > LOUD)
    if not len(loud):
        return envelope[:0]
    spoken = envelope[loud[0] : loud[-1] + 1]
    return np.convolve(spoken, np.ones(SMOOTHING_FRAMES) / SMOOTHING_FRAMES, mode="same")


def _at_tempo(envelope: NDArray[np.float64], tempo: float) -> NDArray[np.float64]:
    moments = np.arange(int(len(envelope) * tempo)) / tempo
    return np.interp(moments, np.arange(len(envelope)), envelope)


def _likeness(heard: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    """Correlate the heard envelope with the beginning of a known one; a different length costs likeness."""
    share = len(heard) / len(known)
    if share < _SHORTEST_SHARE or share > 1.3:  # noqa: PLR2004  # much longer is another phrase
        return 0.0
    length = min(len(heard), len(known))
    best = 0.0
    for shift in range(-8, 9, 2):
        a, b = _overlap(heard[:length], known[:length], shift)
        if len(a) > 4 and a.std() and b.std():  # noqa: PLR2004  # too short to correlate
            best = max(best, float(np.corrcoef(a, b)[0, 1]))
    return best - 0.15 * abs(1 - share)


def _overlap(
    a: NDArray[np.float64], b: NDArray[np.float64], shift: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if shift < 0:
        a, b, shift = b, a, -shift
    a = a[shift:]
    length = min(len(a), len(b))
    return a[:length], b[:length]


def _spoken_part(text: str, share: float) -> str:
    words = text.split()
    if share > 0.9:  # noqa: PLR2004  # trimming costs a little of a whole phrase
        return text
    return " ".join(words[: max(1, round(share * len(words)))])
