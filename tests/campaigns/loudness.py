"""Loudness and true peak: the signals of EBU Tech 3341, and whole mixes, through meter and limiter.

The first cases are those of EBU Tech 3341 that speak of integrated loudness in stereo (1 to 5) and
of true peak (15 to 19), through the meter; then the true-peak signals through the limiter; all
further ones are mixes of built-in sounds, drawn by the seed.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
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
from temporal_foley.timeline import Event, MixSettings, Provenance, Source, Timeline
from tests.campaigns import Failure, Result

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
FULL = SIGNALS + 85
_TEST = Provenance(name="test", sha256="")


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Measure a signal, or lay up a mix, a case."""
    failures: list[Failure] = []
    library, limited, worst = load_library(), 0, {"loudness": 0.0, "ceiling": -math.inf}
    for case in cases:
        if case < len(INTEGRATED):
            what, faults = _integrated(sorted(INTEGRATED)[case])
        elif case < _METERED:
            what, faults = _metered(sorted(TRUE_PEAKS)[case - len(INTEGRATED)])
        elif case < SIGNALS:
            what, faults = _limited(sorted(TRUE_PEAKS)[case - _METERED])
        else:
            mix = _Mix.draw(np.random.default_rng([seed, case]))
            what = str(mix)
            laid = mix.lay(library, folder / str(case))
            faults = laid.faults
            limited += laid.is_limited
            worst["loudness"] = max(worst["loudness"], laid.off_lu)
            worst["ceiling"] = max(worst["ceiling"], laid.above_db)
        failures += [Failure(case=case, what=what, came=fault) for fault in faults]
    figures = {
        "mixes limited": limited,
        "largest error of loudness": f"{worst['loudness']:.3f} LU",
        "nearest to the ceiling": f"{worst['ceiling']:+.3f} dB",
    }
    return Result(count=len(cases), failures=failures, figures=figures)


def _tone(seconds: float, hz: float, amplitude: float, phase_deg: float = 0.0) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = amplitude * np.sin(2 * np.pi * hz * time + np.deg2rad(phase_deg))
    return np.stack([wave, wave], axis=1).astype(np.float32)


def _integrated(number: int) -> tuple[str, list[str]]:
    passages = [_tone(s, 1000.0, 10 ** (level / 20)) for s, level in INTEGRATED[number]]
    read, _ = measure(passages, true_peak=False)
    wanted = READS_LUFS[number]
    good = read is not None and abs(read - wanted) <= LOUDNESS_TOLERANCE
    return f"EBU Tech 3341 case {number}", [] if good else [f"reads {read}, not {wanted} LUFS"]


def _peak_tone(number: int, gain: float = 1.0) -> np.ndarray:
    part, phase, amplitude, _ = TRUE_PEAKS[number]
    tone = _tone(1.0, SAMPLE_RATE_HZ / part, amplitude * gain, phase)
    # The signals begin and end softly: a hard edge has a peak of its own.
    edge = np.minimum(1.0, np.arange(len(tone)) / 480)
    return (tone * np.minimum(edge, edge[::-1])[:, None]).astype(np.float32)


def _metered(number: int) -> tuple[str, list[str]]:
    _, read = measure([_peak_tone(number)])
    wanted, (below, above) = TRUE_PEAKS[number][3], PEAK_TOLERANCES
    good = read is not None and wanted - below <= read <= wanted + above
    return f"EBU Tech 3341 case {number}", [] if good else [f"reads {read}, not {wanted} dBTP"]


def _limited(number: int) -> tuple[str, list[str]]:
    faults = []
    for ceiling in (-1.0, -3.0, -9.0):
        _, peak = measure(list(limit([_peak_tone(number, 2.0)], ceiling)))
        if peak is None or not ceiling - 1.0 < peak <= ceiling + CEILING_TOLERANCE_DB:
            faults.append(f"{peak} dBTP under a ceiling of {ceiling}")
    return f"EBU Tech 3341 case {number}, 6 dB louder, limited", faults


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Laid:
    """What came of a mix."""

    faults: list[str]
    is_limited: bool
    off_lu: float
    above_db: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Mix:
    """Events of some effects, a sound of the video's own, and how loud all shall be."""

    events: tuple[Event, ...]
    seconds: float
    settings: MixSettings
    own_db: float | None
    seed: int

    def __str__(self) -> str:
        effects = sorted({event.effect for event in self.events})
        own = "none" if self.own_db is None else f"{self.own_db:.0f} dB, {self.settings.original}"
        return (
            f"{len(self.events)} events of {', '.join(effects)} in {self.seconds:.2f} s, own sound "
            f"{own}, {self.settings.loudness_lufs:g} LUFS"
        )

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "_Mix":
        names = load_vocabulary().names
        seconds = float(rng.uniform(3.0, 12.0))
        events = []
        for name in rng.choice(names, int(rng.integers(1, 6)), replace=False):
            onset = float(rng.uniform(0.0, seconds - 1.0))
            offset = float(rng.uniform(onset + 0.3, seconds))
            events.append(
                Event(effect=str(name), onset=onset, offset=offset, confidence=float(rng.random()))
            )
        return cls(
            events=tuple(events),
            seconds=seconds,
            settings=MixSettings(
                original=str(rng.choice(["keep", "duck", "mute"])),
                loudness_lufs=float(rng.choice([-27.0, -24.0, -23.0, -16.0, -14.0])),
            ),
            own_db=float(rng.uniform(-50, -10)) if rng.random() < 0.6 else None,
            seed=int(rng.integers(1000)),
        )

    def lay(self, library, folder: Path) -> _Laid:
        """Lay the mix up, and compare what it says with what is in the files."""
        samples = round(self.seconds * SAMPLE_RATE_HZ)
        tracks = cast_events(
            self.events, load_vocabulary(), library, seed=self.seed, duration_samples=samples
        )
        source = Source(
            name="clip.mp4",
            sha256="",
            duration_samples=samples,
            video_rate=Fraction(25),
            width=320,
            height=240,
            has_audio=self.own_db is not None,
        )
        timeline = Timeline(
            source=source,
            frame_rate=Fraction(4),
            detector=_TEST,
            vocabulary=_TEST,
            library=_TEST,
            seed=self.seed,
            mix=self.settings,
            tracks=tracks,
        )
        folder.mkdir()
        report = write_mix(timeline, library, folder, original=self._own(samples))
        mix = _read(folder / "mix.wav")
        stems = sum(_read(stem.path) for stem in report.stems)
        wanted, ceiling = self.settings.loudness_lufs, self.settings.true_peak_dbtp
        loudness, peak = measure([(mix / 2**23).astype(np.float32)])
        faults = []
        if loudness is None or abs(loudness - wanted) > MIX_TOLERANCE_LU:
            faults.append(f"{loudness} LUFS, not {wanted}")
        if peak is None or peak > ceiling + CEILING_TOLERANCE_DB:
            faults.append(f"{peak} dBTP, above {ceiling}")
        if not report.limiter_db and not report.stems_trim_db:
            if not np.array_equal(stems, mix):
                faults.append(f"the stems miss the mix by {np.abs(stems - mix).max()} steps")
        else:
            faults += _limited_sum(stems, mix, report.stems_trim_db, len(report.stems), ceiling)
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        return _Laid(
            faults=faults,
            is_limited=report.limiter_db > 0.0,
            off_lu=math.inf if loudness is None else abs(loudness - wanted),
            above_db=math.inf if peak is None else peak - ceiling,
        )

    def _own(self, samples: int) -> Callable[[], Iterator[np.ndarray]] | None:
        if self.own_db is None:
            return None
        rng = np.random.default_rng(self.seed)
        swell = np.abs(np.sin(np.arange(samples) / SAMPLE_RATE_HZ))[:, None]
        own = rng.normal(0.0, 10 ** (self.own_db / 20), (samples, 2)) * swell
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
