"""Synthetic speech by espeak-ng, audible enough to follow a conversation in a recording."""

import asyncio
import io
from collections import OrderedDict
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

type Samples = NDArray[np.int16]

CACHE_SIZE = 500
SPEED_WORDS_PER_MINUTE = 175


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice with its pitch."""

    name: str
    pitch: int


AGENT = Voice("en-us", 60)
CALLEE = Voice("en-gb", 30)


class Speech:
    """Renders text to mono 16-bit samples; remembers what it rendered."""

    def __init__(self) -> None:
        self._rendered: OrderedDict[tuple[str, Voice, int], Samples] = OrderedDict()

    async def render(self, text: str, voice: Voice, rate: int) -> Samples:
        key = (text, voice, rate)
        if key not in self._rendered:
            self._rendered[key] = resample(await _espeak(text, voice), rate)
            if len(self._rendered) > CACHE_SIZE:
                self._rendered.popitem(last=False)
        self._rendered.move_to_end(key)
        return self._rendered[key]


async def _espeak(text: str, voice: Voice) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "espeak-ng", "-v", voice.name, "-p", str(voice.pitch), "-s", str(SPEED_WORDS_PER_MINUTE), "--stdout", "--stdin",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    wav, _ = await process.communicate(text.encode())
    if process.returncode or not wav:
        raise RuntimeError("espeak-ng could not speak; is it installed with its voices?")
    return wav


def resample(wav: bytes, rate: int) -> Samples:
    """Decode a WAV and bring it to `rate`, mono."""
    with av.open(io.BytesIO(wav), "r") as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.int16)


def beep(seconds: float, rate: int) -> Samples:
    time = np.arange(int(seconds * rate)) / rate
    return (9000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16)


def encode(samples: Samples, rate: int, codec: str) -> bytes:
    """Encode mono samples as a provider's client asked: raw, or a container that ffmpeg knows."""
    if codec in {"linear16", "pcm_s16le", "raw"}:
        return samples.tobytes()
    container_format, codec_name = {
        "mp3": ("mp3", "libmp3lame"),
        "wav": ("wav", "pcm_s16le"),
        "mulaw": ("mulaw", "pcm_mulaw"),
        "alaw": ("alaw", "pcm_alaw"),
        "flac": ("flac", "flac"),
        "opus": ("ogg", "libopus"),
    }[codec]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream(codec_name, rate=rate)
        if not isinstance(stream, av.AudioStream):
            raise TypeError(f"{codec} is not an audio codec")
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
