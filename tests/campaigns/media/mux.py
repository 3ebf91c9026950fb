"""Check that muxing new sound changes no video packet or time, and puts clicks where they belong.

Clips of every container that keeps its format are drawn by the seed, with variable rate, start
offset, rotation, B-frames and edit lists. The output is read twice: by the program's own reader,
and by PyAV and its timestamps alone.
"""

import dataclasses
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from temporal_foley.media.audio import read_audio
from temporal_foley.media.mux import mux_sound, output_suffix
from temporal_foley.media.video import probe_video
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from tests.campaigns.driver import Campaign, Trial
from tests.campaigns.media.frame_times import PATTERNS, times_of
from tests.clips import click_errors, impulses, make_clip, picture_packets, tone

CONTAINERS = (
    (".mp4", "libx264", 90_000),
    (".mov", "libx264", 90_000),
    (".mkv", "libx264", 1_000),
    (".webm", "libvpx-vp9", 1_000),
    (".mp4", "libx265", 90_000),
    (".mov", "libx265", 90_000),
)
_LEAST_S = 1.5
_CLICKS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip to be given a new sound."""

    suffix: str
    codec: str
    times: tuple[Fraction, ...]
    start: Fraction
    rotation_deg: int
    b_frames: int
    has_sound: bool

    def __str__(self) -> str:
        turned = f", turned by {self.rotation_deg}" if self.rotation_deg else ""
        return (
            f"{self.suffix} {self.codec}, {len(self.times)} pictures, from {self.start} s, "
            f"{self.b_frames} B-frames{turned}{', with sound' if self.has_sound else ''}"
        )


def attempt(trial: Trial) -> None:
    """Give a drawn clip a new sound, and compare what was written."""
    rng = trial.rng
    clip = draw_clip(trial.number, rng)
    trial.what = str(clip)
    found, trial.counts["clicks in place"] = faults(clip, trial.folder, rng)
    trial.faults += found


def draw_clip(case: int, rng: np.random.Generator) -> Clip:
    """Draw a clip; a negative start makes an edit list that hides the first pictures."""
    suffix, codec, ticks = CONTAINERS[case % len(CONTAINERS)]
    step = Fraction(int(rng.choice([1, 2, 3])), 25)
    times = [number * step for number in range(1 + int(_LEAST_S / step))]
    if rng.random() < 0.6:
        times = times_of(str(rng.choice(PATTERNS)), ticks, rng)
    if times[-1] < _LEAST_S:
        times.append(times[-1] + 2)
    starts = [Fraction(0), Fraction(1, 2), Fraction(7, 4), Fraction(100)]
    if suffix in (".mp4", ".mov") and codec == "libx264":
        starts.append(Fraction(-1, 5))
    start = starts[int(rng.integers(len(starts)))]
    return Clip(
        suffix=suffix,
        codec=codec,
        times=tuple(times),
        start=start,
        rotation_deg=int(rng.choice([0, 0, 90, 180, 270])) if suffix != ".webm" else 0,
        b_frames=int(rng.choice([0, 1, 3])) if start >= 0 else 0,
        has_sound=bool(rng.random() < 0.7),
    )


def faults(clip: Clip, folder: Path, rng: np.random.Generator) -> tuple[list[str], int]:
    """Give a clip a sound with clicks; returns what is wrong, and how many clicks were in place."""
    source, out = folder / f"source{clip.suffix}", folder / f"new{clip.suffix}"
    options = {"bf": str(clip.b_frames), "g": "50" if clip.start < 0 else "9"}
    make_clip(
        source,
        times=clip.times,
        codec=clip.codec,
        start=clip.start,
        rotation_deg=clip.rotation_deg,
        options=options if clip.codec == "libx264" else {},
        audio=tone(1.0) if clip.has_sound else None,
    )
    info = probe_video(source)
    last_s = float(info.duration) - 0.2
    places_s = np.sort(rng.uniform(0.1, last_s / _CLICKS - 0.1, _CLICKS))
    places_s = np.round((places_s + np.arange(_CLICKS) * last_s / _CLICKS) * SAMPLE_RATE_HZ)
    places_s = places_s / SAMPLE_RATE_HZ
    sound = folder / "sound.wav"
    samples = impulses(float(info.duration), places_s.tolist())
    soundfile.write(sound, samples, SAMPLE_RATE_HZ, subtype="PCM_24")
    found = []
    if output_suffix(info) != clip.suffix:
        found.append(f"would become {output_suffix(info)}")
    mux_sound(info, sound, out)
    new = probe_video(out)
    if picture_packets(out) != picture_packets(source):
        found.append("the packets differ")
    if new.start != 0:
        found.append(f"starts at {new.start}")
    for name in ("duration", "frame_count", "rotation_deg", "width", "height", "codec"):
        if getattr(new, name) != getattr(info, name):
            found.append(f"{name} was {getattr(info, name)} and is {getattr(new, name)}")
    if new.is_truncated:
        found.append("looks cut off")
    heard = np.concatenate(list(read_audio(new) or [np.zeros((0, 2), np.float32)]))
    off = click_errors(heard, places_s)
    plain = plain_sound(out, new.start)
    off += click_errors(plain, places_s)
    if any(off):
        found.append(f"clicks are off by {off} samples")
    return found, off.count(0)


def plain_sound(path: Path, start: Fraction) -> np.ndarray:
    """Decode the sound with nothing but PyAV; it begins where the first timestamp says."""
    pieces: list[np.ndarray] = []
    place = 0
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE_HZ)
        for frame in container.decode(audio=0):
            if not pieces:
                place = round((frame.pts * frame.time_base - start) * SAMPLE_RATE_HZ)
            pieces += [piece.to_ndarray().T for piece in resampler.resample(frame)]
    laid = np.concatenate([np.zeros((max(0, place), 2), np.float32), *pieces])
    return laid[max(0, -place) :]


# Case 24 has a long picture among B-frames.
CAMPAIGN = Campaign(attempt=attempt, full=60, short=(*range(0, 11, 2), 24), long=range(30))
