"""Check loudness and true peak of meter, limiter and whole mixes.

The first cases are the stereo signals of EBU Tech 3341 for integrated loudness (1 to 5) and true
peak (15 to 19), through the meter; then the true-peak signals through the limiter; all further
cases are mixes of built-in sounds, drawn by the seed.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from temporal_foley.effects import load_vocabulary
from temporal_foley.sound.casting import cast_events
from temporal_foley.sound.mix import write_mix
from temporal_foley.sound.signal.limiter import limit
from temporal_foley.sound.signal.loudness import measure
from temporal_foley.sound.takes.library import load_library
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import MixSettings
from tests.campaigns.driver import Campaign, Trial
from tests.factories import make_event, make_timeline

INTEGRATED = {
    1: ((20.0, -23.0),),
    2: ((20.0, -33.0),),
    3: ((10.0, -36.0), (60.0, -23.0), (10.0, -36.0)),
    4: ((10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)),
    5: ((20.0, -26.0), (20.1, -20.0), (20.0, -26.0)),
}
"""Test signals of EBU Tech 3341, table 1: seconds and dBFS of tones of 1 kHz after each other."""
READS_LUFS = {1: -23.0, 2: -33.0, 3: -23.0, 4: -23.0, 5: -23.0}
TRUE_PEAKS = {
    15: (4, 0.0, 0.50, -6.0),
    16: (4, 45.0, 0.50, -6.0),
    17: (6, 60.0, 0.50, -6.0),
    18: (8, 67.5, 0.50, -6.0),
    19: (4, 45.0, 1.41, 3.0),
}
"""Part of the sample rate, phase in degrees, amplitude and true peak in dBTP."""
LOUDNESS_TOLERANCE, PEAK_TOLERANCES = 0.1, (0.4, 0.2)
MIX_TOLERANCE_LU, CEILING_TOLERANCE_DB = 0.2, 0.1
_METERED = len(INTEGRATED) + len(TRUE_PEAKS)
SIGNALS = _METERED + len(TRUE_PEAKS)


def attempt(trial: Trial) -> None:
    """Measure or limit a signal of the standard, or render a drawn mix."""
    case = trial.number
    if case < _METERED:
        number = [*INTEGRATED, *TRUE_PEAKS][case]
        trial.what = f"EBU Tech 3341 case {number}"
        trial.faults += _integrated(number) if number in INTEGRATED else _metered(number)
    elif case < SIGNALS:
        number = list(TRUE_PEAKS)[case - _METERED]
        trial.what = f"EBU Tech 3341 case {number}, 6 dB louder, limited"
        trial.faults += _limited(number)
    else:
        _try_mix(trial)


def _tone(seconds: float, hz: float, amplitude: float, phase_deg: float = 0.0) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = amplitude * np.sin(2 * np.pi * hz * time + np.deg2rad(phase_deg))
    return np.stack([wave, wave], axis=1).astype(np.float32)


def _integrated(number: int) -> list[str]:
    passages = [_tone(s, 1000.0, 10 ** (level / 20)) for s, level in INTEGRATED[number]]
    read, _ = measure(passages, true_peak=False)
    wanted = READS_LUFS[number]
    good = read is not None and abs(read - wanted) <= LOUDNESS_TOLERANCE
    return [] if good else [f"reads {read}, not {wanted} LUFS"]


def _peak_tone(number: int, gain: float = 1.0) -> np.ndarray:
    part, phase, amplitude, _ = TRUE_PEAKS[number]
    tone = _tone(1.0, SAMPLE_RATE_HZ / part, amplitude * gain, phase)
    # The signals begin and end softly: a hard edge has a peak of its own.
    edge = np.minimum(1.0, np.arange(len(tone)) / 480)
    return (tone * np.minimum(edge, edge[::-1])[:, None]).astype(np.float32)


def _metered(number: int) -> list[str]:
    _, read = measure([_peak_tone(number)])
    wanted, (below, above) = TRUE_PEAKS[number][3], PEAK_TOLERANCES
    good = read is not None and wanted - below <= read <= wanted + above
    return [] if good else [f"reads {read}, not {wanted} dBTP"]


def _limited(number: int) -> list[str]:
    found = []
    for ceiling in (-1.0, -3.0, -9.0):
        _, peak = measure(list(limit([_peak_tone(number, 2.0)], ceiling)))
        if peak is None or not ceiling - 1.0 < peak <= ceiling + CEILING_TOLERANCE_DB:
            found.append(f"{peak} dBTP under a ceiling of {ceiling}")
    return found


def _try_mix(trial: Trial) -> None:
    """Render drawn events over a drawn sound of the video, and measure the files."""
    rng, library, vocabulary = trial.rng, load_library(), load_vocabulary()
    seconds = float(rng.uniform(3.0, 12.0))
    events = []
    for name in rng.choice(vocabulary.names, int(rng.integers(1, 6)), replace=False):
        onset = float(rng.uniform(0.0, seconds - 1.0))
        offset = float(rng.uniform(onset + 0.3, seconds))
        events.append(make_event(str(name), onset, offset, confidence=float(rng.random())))
    settings = MixSettings(
        original=str(rng.choice(["keep", "duck", "mute"])),
        loudness_lufs=float(rng.choice([-27.0, -24.0, -23.0, -16.0, -14.0])),
    )
    own_db = float(rng.uniform(-50, -10)) if rng.random() < 0.6 else None
    seed = int(rng.integers(1000))
    trial.what = (
        f"{len(events)} events of {', '.join(sorted({e.effect for e in events}))} in "
        f"{seconds:.2f} s, own sound {own_db} dB, {settings}"
    )
    samples = round(seconds * SAMPLE_RATE_HZ)
    tracks = cast_events(events, vocabulary, library, seed=seed, duration_samples=samples)
    timeline = make_timeline(
        *tracks, seconds=seconds, source={"has_audio": own_db is not None}, mix=settings, seed=seed
    )
    report = write_mix(timeline, library, trial.folder, original=_own_sound(own_db, seed, samples))
    mix = _read(trial.folder / "mix.wav")
    stems = sum(_read(stem.path) for stem in report.stems)
    loudness, peak = measure([(mix / 2**23).astype(np.float32)])
    off_lu = math.inf if loudness is None else abs(loudness - settings.loudness_lufs)
    above_db = math.inf if peak is None else peak - settings.true_peak_dbtp
    trial.most |= {"error of loudness (LU)": off_lu, "dB above the ceiling": above_db}
    if off_lu > MIX_TOLERANCE_LU:
        trial.faults.append(f"{loudness} LUFS, not {settings.loudness_lufs}")
    if above_db > CEILING_TOLERANCE_DB:
        trial.faults.append(f"{peak} dBTP, above {settings.true_peak_dbtp}")
    if report.limiter_db or report.stems_trim_db:
        trial.counts["mixes limited"] += 1
        trial.faults += _limited_sum(
            stems, mix, report.stems_trim_db, len(report.stems), settings.true_peak_dbtp
        )
    elif not np.array_equal(stems, mix):
        trial.faults.append(f"the stems miss the mix by {np.abs(stems - mix).max()} steps")


def _own_sound(
    level_db: float | None, seed: int, samples: int
) -> Callable[[], Iterator[np.ndarray]] | None:
    if level_db is None:
        return None
    swell = np.abs(np.sin(np.arange(samples) / SAMPLE_RATE_HZ))[:, None]
    own = np.random.default_rng(seed).normal(0.0, 10 ** (level_db / 20), (samples, 2)) * swell
    return lambda: iter(np.array_split(own.astype(np.float32), 7))


def _limited_sum(
    stems: np.ndarray, mix: np.ndarray, trim_db: float, count: int, ceiling: float
) -> list[str]:
    """Compare the sum of stems, sent through the limiter once more, with the mix."""
    scale = 10 ** (-trim_db / 20)
    before = (stems * scale / 2**23).astype(np.float32)
    again = np.concatenate(list(limit([before], ceiling)))
    # Each stem was rounded by up to half a step, and the mix by another.
    most = (count * scale + 1) / 2 + 1
    off = np.abs(again * 2**23 - mix).max()
    return [] if off <= most + 2 else [f"the limited stems miss the mix by {off:.1f} steps"]


def _read(path: Path) -> np.ndarray:
    samples, _ = soundfile.read(path, dtype="int32", always_2d=True)
    return samples.astype(np.int64) >> 8


CAMPAIGN = Campaign(
    attempt=attempt, full=SIGNALS + 85, short=range(SIGNALS), long=range(SIGNALS, SIGNALS + 20)
)
