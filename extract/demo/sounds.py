"""The sounds of the demo data set: street noise, and what each kind of violence sounds like.

Signatures differ in spectrum and rhythm. After mixing, every stretch is scaled to a loudness that was
fixed without listening to the content.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from extract.demo.plan import NORMAL, VideoPlan, generator, levels

Samples = NDArray[np.float32]
Spectrum = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # hertz -> amplitude
RATE = 44100
HIGHEST = 8000  # Hz; the audio encoder reads up to 8 kHz, and power beyond it would be loudness it cannot hear
DECIBELS = (-27.0, -20.0)
# Decibels of a burst above the street under it, for each code. They keep the mean of the log spectrum about where
# it is without the burst: the audio front end standardises over the whole video, and a burst that moved that mean
# would change every other snippet of its video too.
ABOVE_STREET = {NORMAL: 10.0, "B1": 6.0, "B2": 8.0, "B4": 8.0, "B5": 4.0, "B6": 10.0, "G": 12.0}


def play(plan: VideoPlan, times: NDArray[np.float64]) -> Samples:
    """Make the whole sound of one video.

    Args:
        plan: What happens when.
        times: ``[frames + 1]``, seconds at which the frames begin, and the end of the last.

    Returns:
        Mono samples at 44.1 kHz in -1..1, as long as the pictures.
    """
    street, *bursts = generator(plan, "sounds").spawn(1 + len(plan.bursts))
    edges = np.round(times * RATE).astype(int)
    sound = _unit(_street(street, edges[-1]))
    for burst, random in zip(plan.bursts, bursts, strict=True):
        if burst in plan.audible:
            start, end = edges[burst.start], edges[burst.end]
            gain = 10 ** (ABOVE_STREET[burst.label] / 20)
            sound[start:end] += gain * _unit(SIGNATURES[burst.label](random, end - start))
    return _set_loudness(sound, levels(plan, "loudness", *DECIBELS), edges)


def _set_loudness(sound: Samples, decibels: NDArray[np.float32], edges: NDArray[np.int64]) -> Samples:
    changes = [0, *(np.flatnonzero(np.diff(decibels)) + 1), len(decibels)]
    for first, last in pairwise(changes):
        stretch = slice(edges[first], edges[last])
        sound[stretch] = _unit(sound[stretch]) * 10 ** (decibels[first] / 20)
    return np.clip(sound, -1, 1)


def _street(random: np.random.Generator, samples: int) -> Samples:
    """Traffic: a low drone that carries most of the power, and a hiss over all frequencies."""
    drone = _noise(random, samples, lambda hertz: np.exp(-((hertz / 150) ** 2)))
    hiss = _noise(random, samples, lambda hertz: (hertz + 50) ** -random.uniform(0.25, 0.35))
    return _unit(drone) * 2.5 + _unit(hiss)


def _bang(random: np.random.Generator, samples: int) -> Samples:
    """A harmless bang: doors and drums, a soft boom that dies away slowly, about twice a second."""
    boom = _noise(random, samples, lambda hertz: (hertz + 50) ** -0.8)
    return boom * _strokes(samples, random.uniform(1.5, 2.5), 0.25)


def _fighting(random: np.random.Generator, samples: int) -> Samples:
    """Blows: dull thuds below 500 Hz, each with a sharp slap, four or five a second."""
    thud = 0.7 * _unit(_noise(random, samples, lambda hertz: np.exp(-((hertz / 500) ** 2))))
    slap = 1.2 * _noise(random, samples, _white)
    pace = random.uniform(4, 5.5)
    return thud * _strokes(samples, pace, 0.06) + slap * _strokes(samples, pace, 0.02)


def _shooting(random: np.random.Generator, samples: int) -> Samples:
    """Shots: white clicks of 15 ms, eight to eleven a second."""
    return _noise(random, samples, _white) * _strokes(samples, random.uniform(8, 11), 0.015)


def _riot(random: np.random.Generator, samples: int) -> Samples:
    """A roaring crowd: forty wavering voices between 300 and 4000 Hz."""
    seconds = _seconds(samples)

    def voice() -> NDArray[np.float64]:
        depth, pace, start = random.uniform(5, 15), random.uniform(2, 6), random.uniform(0, 6)
        wander = depth * np.sin(2 * np.pi * pace * seconds + start)
        return np.sin(2 * np.pi * random.uniform(300, 4000) * seconds + wander)

    return _sum(voice() for _ in range(40))


def _abuse(random: np.random.Generator, samples: int) -> Samples:
    """Screams: a gliding tone near 1 kHz with all its harmonics."""
    seconds = _seconds(samples)
    glide = 25 * np.sin(2 * np.pi * random.uniform(1.5, 2.5) * seconds)
    phase = 2 * np.pi * random.uniform(900, 1200) * seconds + glide
    return _sum(np.sin(number * phase) for number in range(1, 7))


def _car_accident(random: np.random.Generator, samples: int) -> Samples:
    """Tyres and metal: a steady cluster of inharmonic tones up to 7 kHz."""
    seconds = _seconds(samples)
    tones = random.uniform(800, 7000, 14)
    return _sum(np.sin(2 * np.pi * tone * seconds) for tone in tones)


def _explosion(random: np.random.Generator, samples: int) -> Samples:
    """A blast: deep rumble under an irregular rain of debris."""
    rumble = _unit(_noise(random, samples, lambda hertz: (hertz + 20) ** -1.0))
    hits = np.sort(random.integers(0, samples, 1 + 14 * samples // RATE))
    since = np.arange(samples) - hits[np.maximum(np.searchsorted(hits, np.arange(samples), side="right") - 1, 0)]
    debris = _noise(random, samples, _white) * np.exp(-np.abs(since) / (0.01 * RATE)).astype(np.float32)
    return rumble + 2 * _unit(debris)


SIGNATURES: dict[str, Callable[[np.random.Generator, int], Samples]] = {
    NORMAL: _bang,
    "B1": _fighting,
    "B2": _shooting,
    "B4": _riot,
    "B5": _abuse,
    "B6": _car_accident,
    "G": _explosion,
}


def _seconds(samples: int) -> NDArray[np.float64]:
    return np.arange(samples) / RATE


def _unit(sound: Samples) -> Samples:
    return sound / np.float32(np.sqrt(np.mean(sound**2)) + 1e-9)


def _sum(tones: Iterable[NDArray[np.float64]]) -> Samples:
    total: NDArray[np.float64] = reduce(np.add, tones)
    return total.astype(np.float32)


def _white(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ones(len(hertz))


def _noise(random: np.random.Generator, samples: int, spectrum: Spectrum) -> Samples:
    # normal noise whose amplitude at each frequency is spectrum(hertz)
    white = np.fft.rfft(random.standard_normal(samples))
    hertz = np.arange(samples // 2 + 1, dtype=np.float64) * (RATE / samples)
    shaped = np.fft.irfft(white * spectrum(hertz) * (hertz < HIGHEST), samples)
    return shaped.astype(np.float32)


def _strokes(samples: int, per_second: float, fade: float) -> Samples:
    # an envelope that jumps to 1 `per_second` times and fades away within `fade` seconds each time
    since = (_seconds(samples) * per_second) % 1 / per_second
    return np.exp(-since / fade).astype(np.float32)
