"""Measure the sound of a video, so that added effects can be matched to it.

Loudness is measured on speech where somebody speaks, as broadcasters gate by dialogue, or else on
all of it; bandwidth is the 95 % roll-off of the pre-emphasised spectrum; the noise floor is that of
the quietest frames; reverberation time is read from free decays (R. Ratnam et al.,
"Blind estimation of reverberation time", JASA 114, 2003).
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from temporal_foley.sound.signal.bands import EDGES_HZ
from temporal_foley.sound.signal.blocks import Block, rechunk
from temporal_foley.sound.signal.ducking import Spans
from temporal_foley.sound.signal.loudness import LoudnessMeter
from temporal_foley.timegrid import SAMPLE_RATE_HZ

BUILT_IN_LUFS = -23.5
"""Loudness of effects on the loudest bus; measured on clips whose own sound has the effect."""
MOST_SHIFT_DB, LEAST_SHIFT_DB = 14.0, -30.0
SILENT_DBFS = -75.0
MONO_DB = -32.0
"""A side signal this far below the middle makes a mono recording."""
LOWEST_BANDWIDTH_HZ, FULL_BANDWIDTH_HZ = 5000.0, 15_500.0
SHORTEST_RT_S, LONGEST_RT_S = 0.15, 1.2

_FRAME = SAMPLE_RATE_HZ // 100
_WINDOW = 4096
_ROLL_OFF = 0.95
_FEWEST_DECAYS = 4
_MOST_SPECTRA = 4000

Levels = Float[np.ndarray, " bands"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OriginalSound:
    """What was measured of a video's own sound."""

    loudness_lufs: float
    bandwidth_hz: float
    floor_dbfs: float
    """Level of the noise floor."""
    floor_bands_db: tuple[float, ...]
    """Spectrum of the noise floor in critical bands, relative to its level."""
    reverb_s: float | None
    """Seconds over which reverberation falls by 60 dB; None if no decay was found."""
    is_mono: bool

    def shift_db(self) -> float:
        """Return by how much the level of effects is changed to suit the original."""
        return min(max(self.loudness_lufs - BUILT_IN_LUFS, LEAST_SHIFT_DB), MOST_SHIFT_DB)

    def lowpass_hz(self) -> float | None:
        """Return the cut-off that effects are limited to; None for a full-band original."""
        return None if self.bandwidth_hz >= FULL_BANDWIDTH_HZ else self.bandwidth_hz


def measure_original(blocks: Iterable[Block], speech: Spans) -> OriginalSound | None:
    """Measure a stream of sound; None if it is silent.

    Args:
        blocks: The sound, in stereo at 48 kHz.
        speech: Spans of samples in which somebody speaks; the loudness is measured there.
    """
    whole, spoken = LoudnessMeter(true_peak=False), LoudnessMeter(true_peak=False)
    energies: list[np.ndarray] = []
    spectra: list[np.ndarray] = []
    stride = 1
    middle = side = 0.0
    start = spoken_samples = 0
    for block in rechunk(blocks, SAMPLE_RATE_HZ):
        sound = np.nan_to_num(block, posinf=0.0, neginf=0.0)
        whole.push(sound)
        for onset, offset in speech:
            part = sound[max(0, onset - start) : max(0, offset - start)]
            spoken.push(part)
            spoken_samples += len(part)
        start += len(sound)
        mono = sound.mean(axis=1, dtype=np.float64)
        middle += float(np.sum(mono**2))
        side += float(np.sum((sound[:, 0] - sound[:, 1]).astype(np.float64) ** 2)) / 4.0
        frames = mono[: len(mono) // _FRAME * _FRAME].reshape(-1, _FRAME)
        energies.append((frames**2).mean(axis=1))
        spectra.extend(_spectra(mono)[::stride])
        if len(spectra) > _MOST_SPECTRA:
            # A long film is looked at less often: memory stays the same.
            spectra, stride = spectra[::2], 2 * stride
    loudness, _ = whole.finish()
    if loudness is None or not spectra or middle <= 0.0:
        return None
    if spoken_samples >= SAMPLE_RATE_HZ:
        loudness = spoken.finish()[0] or loudness
    energy = np.concatenate(energies)
    power = np.array(spectra, np.float32)
    floor_dbfs, floor_bands = _floor(power)
    return OriginalSound(
        loudness_lufs=round(loudness, 1),
        bandwidth_hz=round(_bandwidth(power.mean(axis=0))),
        floor_dbfs=round(floor_dbfs, 1),
        floor_bands_db=tuple(np.round(floor_bands, 1).tolist()),
        reverb_s=_reverb(10.0 * np.log10(energy + 1e-12)),
        is_mono=bool(10.0 * np.log10((side + 1e-20) / middle) < MONO_DB),
    )


def _spectra(mono: Float[np.ndarray, " samples"]) -> list[np.ndarray]:
    """Return the power spectra of windows, so that their sum is the mean square."""
    window = np.hanning(_WINDOW) * np.sqrt(8.0 / 3.0)
    starts = range(0, len(mono) - _WINDOW + 1, _WINDOW)
    return [
        (np.abs(np.fft.rfft(mono[at : at + _WINDOW] * window)) ** 2 * (2.0 / _WINDOW**2)).astype(
            np.float32
        )
        for at in starts
    ]


def _bandwidth(power: Float[np.ndarray, " bins"]) -> float:
    hz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ)
    # Voices and most sounds fall by some 6 dB an octave: without that slope, what is left is
    # how far the recording reaches.
    raised = np.cumsum(power * hz**2)
    at = float(hz[int(np.searchsorted(raised, _ROLL_OFF * raised[-1]))])
    return max(at, LOWEST_BANDWIDTH_HZ)


def _floor(power: Float[np.ndarray, "windows bins"]) -> tuple[float, Levels]:
    """Return level and spectrum of the quietest tenth of the windows."""
    total = power.sum(axis=1)
    audible = total[total > 10.0 ** (SILENT_DBFS / 10.0) * 0.01]
    if not len(audible):
        return -120.0, np.zeros(len(EDGES_HZ) - 1)
    quiet = power[(total <= np.percentile(audible, 10)) & (total >= audible.min())].mean(axis=0)
    cuts = np.searchsorted(np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ), EDGES_HZ)
    bands = 10.0 * np.log10(np.add.reduceat(quiet, cuts)[:-1] + 1e-16)
    level = 10.0 * float(np.log10(quiet.sum() + 1e-12))
    return level, bands - level


def _reverb(level_db: Float[np.ndarray, " frames"]) -> float | None:
    """Return the reverberation time that free decays agree on.

    The fastest quarter of straight decays is the room's own: slower ones are sounds that fade.
    """
    smooth = np.convolve(level_db, np.ones(3) / 3.0, "same")
    floor = float(np.percentile(smooth, 5)) + 6.0
    found: list[float] = []
    at = 0
    while at < len(smooth) - 8:
        end = at
        while end + 1 < len(smooth) and smooth[end + 1] < smooth[end] - 0.1:
            end += 1
        # Where the decay runs into the floor, it bends.
        lowest = max(smooth[at] - 30.0, floor)
        while end > at and smooth[end] < lowest:
            end -= 1
        if end - at >= 8 and smooth[at] - smooth[end] >= 15.0:
            line = np.polyfit(np.arange(at, end + 1), smooth[at : end + 1], 1)
            error = np.std(smooth[at : end + 1] - np.polyval(line, np.arange(at, end + 1)))
            if error < 1.5:
                found.append(-60.0 / (line[0] * 100.0))
        at = max(end, at + 1)
    if len(found) < _FEWEST_DECAYS:
        return None
    return round(float(np.clip(np.percentile(found, 25), SHORTEST_RT_S, LONGEST_RT_S)), 2)


def floor_noise(sound: OriginalSound, seconds: int = 11) -> Float[np.ndarray, "samples 2"]:
    """Return noise with the spectrum of an original's floor, which repeats without a seam."""
    rng = np.random.default_rng(0)
    samples = seconds * SAMPLE_RATE_HZ
    hz = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), 1.0)
    edges = np.array(EDGES_HZ, float)
    centres, widths = np.sqrt(edges[:-1] * edges[1:]), np.diff(edges)
    density_db = np.array(sound.floor_bands_db) - 10.0 * np.log10(widths)
    shape = 10.0 ** (np.interp(np.log(hz), np.log(centres), density_db) / 20.0)
    shape[hz > min(sound.bandwidth_hz * 1.2, 20_000.0)] = 0.0
    shape[hz < edges[0]] = 0.0
    sides = []
    for _ in range(1 if sound.is_mono else 2):
        noise = np.fft.irfft(shape * np.fft.rfft(rng.standard_normal(samples)), samples)
        sides.append(noise * (10.0 ** (sound.floor_dbfs / 20.0) / np.sqrt(np.mean(noise**2))))
    return np.stack([sides[0], sides[-1]], axis=1).astype(np.float32)
