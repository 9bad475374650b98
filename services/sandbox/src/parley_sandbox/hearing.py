"""Hearing without a speech model: a few known phrases are told apart by their cepstra, aligned in time.

The classic recogniser of isolated phrases (Sakoe and Chiba, 1978): a busy machine stretches, shakes and cuts what is
heard, and the alignment undoes that.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from parley_sandbox.speech import Samples

LOUD = 350.0
"""Root mean square of 16-bit samples above which a frame is speech."""

AUDIBLE = 120.0
"""Frames below this are gaps between sounds, and carry nothing."""

FRAME_SECONDS = 0.02
BANDS = 14
LOWEST_HERTZ, HIGHEST_HERTZ = 120.0, 7000.0
CEPSTRA = 9
FLOOR = 1e6
"""Power that every band has at least, so that the line's noise does not matter."""

RECOGNISED = 0.53
"""Mean distance of aligned frames; measured: at most 0.43 for the right phrase, at least 0.63 for any other."""

WHOLE = 0.9
"""Share of a phrase above which all of it was spoken: its last sound is too soft to be heard on every line."""

FEWEST_FRAMES = 10
LEEWAY = 0.2
LEAST_LEEWAY_FRAMES = 12
NOT_UNDERSTOOD = "(something that the sandbox does not understand)"

type Cepstra = NDArray[np.float64]
"""One row for each frame of 20 ms; every coefficient has mean 0 and variance 1 over the phrase."""


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


class Recogniser:
    """Knows a bank of phrases; understands each of them from its beginning on."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._bank: dict[str, Cepstra] = {}

    def learn(self, text: str, samples: Samples) -> None:
        self._bank[text] = _cepstra(samples, self._rate)

    def understand(self, samples: Samples) -> str:
        """Return the phrase, or as many of its words as were spoken before the speaker stopped."""
        heard = _cepstra(samples, self._rate)
        if len(heard) < FEWEST_FRAMES:
            return NOT_UNDERSTOOD
        aligned = {text: _align(heard, known) for text, known in self._bank.items()}
        best = min(aligned, key=lambda text: aligned[text].distance, default=None)
        if best is None or aligned[best].distance > RECOGNISED:
            return NOT_UNDERSTOOD
        return _spoken_part(best, aligned[best].reached)


class _Alignment(NamedTuple):
    """How far what was heard is from a phrase, and which share of the phrase it reaches."""

    distance: float
    reached: float


def _cepstra(samples: Samples, rate: int) -> Cepstra:
    size = int(rate * FRAME_SECONDS)
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    levels = np.sqrt(np.mean(np.square(frames), axis=1)) if len(frames) else np.zeros(0)
    loud = np.flatnonzero(levels > LOUD)
    if not len(loud):
        return np.zeros((0, CEPSTRA))
    spoken = slice(loud[0], loud[-1] + 1)
    audible = frames[spoken][levels[spoken] > AUDIBLE]
    power = np.abs(np.fft.rfft(audible * np.hanning(size), axis=1)) ** 2
    cepstra = np.log(power @ _bands(size, rate) + FLOOR) @ _cosines()
    centred: Cepstra = cepstra - cepstra.mean(axis=0)
    return centred / (centred.std(axis=0) + 1e-9)


def _bands(size: int, rate: int) -> NDArray[np.float64]:
    """Sum the bins of a spectrum into bands that widen with the pitch."""
    edges = np.geomspace(LOWEST_HERTZ, HIGHEST_HERTZ, BANDS + 1)
    hertz = np.fft.rfftfreq(size, 1 / rate)[:, None]
    return ((hertz >= edges[:-1]) & (hertz < edges[1:])).astype(np.float64)


def _cosines() -> NDArray[np.float64]:
    """The discrete cosine transform of the bands."""
    cosines: NDArray[np.float64] = np.cos(np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, np.arange(CEPSTRA)))
    return cosines


def _align(heard: Cepstra, known: Cepstra) -> _Alignment:
    """Align all that was heard with the beginning of a phrase: each frame stays, goes one on, or skips one."""
    distances = np.sqrt(np.mean(np.square(heard[:, None, :] - known[None, :, :]), axis=2))
    leeway = max(LEAST_LEEWAY_FRAMES, int(LEEWAY * len(heard)))
    places = np.arange(len(known))
    path = np.where(places < leeway, distances[0], np.inf)
    for frame in range(1, len(heard)):
        one_on, skipped = np.full_like(path, np.inf), np.full_like(path, np.inf)
        one_on[1:], skipped[2:] = path[:-1], path[:-2]
        path = np.minimum(path, np.minimum(one_on, skipped)) + distances[frame]
        path[np.abs(places - frame) > leeway] = np.inf
    end = int(np.argmin(path))
    return _Alignment(float(path[end]) / len(heard), (end + 1) / len(known))


def _spoken_part(text: str, share: float) -> str:
    words = text.split()
    if share > WHOLE:
        return text
    return " ".join(words[: max(1, round(share * len(words)))])
