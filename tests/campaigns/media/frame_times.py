"""Check that frame times at a variable rate are exact to a tick, in five containers.

Every picture carries its number and was written at a known tick. The program's times, and the
picture that it shows at each grid time, are compared with what was written and with PyAV's own
timestamps of a full decode.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from temporal_foley.media.close_up import close_ups
from temporal_foley.media.video import VideoInfo, probe_video, sample_frames
from temporal_foley.timegrid import TimeGrid
from tests.campaigns.driver import Campaign, Trial
from tests.clips import make_clip, read_number

CONTAINERS = (
    (".mp4", "libx264", 90_000),
    (".mov", "libx265", 90_000),
    (".mkv", "libx264", 1_000),
    (".webm", "libvpx-vp9", 1_000),
    (".ts", "libx264", 90_000),
)
STARTS = (Fraction(0), Fraction(1, 2), Fraction(7, 5), Fraction(10))
GRIDS = (Fraction(4), Fraction(25), Fraction(24_000, 1001), Fraction(1, 3))
PATTERNS = ("phone", "screen", "film", "ticks", "pauses")
FULL = len(CONTAINERS) * len(STARTS) * len(PATTERNS)
PICTURES = 40


def attempt(trial: Trial) -> None:
    """Write a clip and read its times back."""
    suffix, codec, ticks = CONTAINERS[trial.number % len(CONTAINERS)]
    start = STARTS[trial.number // len(CONTAINERS) % len(STARTS)]
    pattern = PATTERNS[trial.number // len(CONTAINERS) // len(STARTS)]
    trial.what = f"{suffix} {codec}, {pattern}, from {start} s"
    times = times_of(pattern, ticks, trial.rng)
    options = {"bf": "3", "g": "12"} if codec == "libx264" else {}
    path = trial.folder / f"clip{suffix}"
    make_clip(path, times=times, codec=codec, start=start, options=options)
    trial.counts["pictures"] += len(times)
    trial.faults += faults(path, times, start)


def times_of(pattern: str, ticks: int, rng: np.random.Generator) -> list[Fraction]:
    """Return times of pictures from the first on, in whole ticks of the container."""
    steps_s = {
        "phone": rng.normal(1 / 30, 0.004, PICTURES).clip(0.01),
        "screen": rng.choice([1 / 60, 1 / 30, 0.5, 1.2], PICTURES, p=[0.6, 0.3, 0.07, 0.03]),
        "film": np.where(np.arange(PICTURES) % 5 < 3, 1001 / 24_000, 1001 / 30_000),
        "ticks": rng.integers(1, 9, PICTURES) / ticks,
        "pauses": np.where(rng.random(PICTURES) < 0.1, 2.7, 0.04),
    }[pattern]
    places = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(steps_s * ticks)))])
    return [Fraction(int(place), ticks) for place in places]


def faults(path: Path, times: Sequence[Fraction], start: Fraction) -> list[str]:
    """Compare what the program says of a clip with what was written."""
    found = []
    info = probe_video(path)
    base = info.pictures.time_base
    if [int(tick) * base - info.start for tick in info.pictures.ticks] != list(times):
        found.append("the probe gives other times")
    if path.suffix != ".ts" and info.start != start:
        found.append(f"the probe says that it starts at {info.start} s")
    if decoded(path, info) != list(enumerate(times)):
        found.append("a full decode gives other times")
    for rate in GRIDS:
        grid = TimeGrid.covering(info.duration, rate)
        wanted = [max(i for i, t in enumerate(times) if t <= at) for at in grid.times()]
        frames = list(sample_frames(info, grid))
        if [read_number(frame.image) for frame in frames] != wanted:
            found.append(f"on a grid of {rate} Hz another picture is on screen")
        if [frame.time for frame in frames] != [times[number] for number in wanted]:
            found.append(f"on a grid of {rate} Hz a picture has another time")
    close = [picture.time for picture in close_ups(info, [(0.0, float(info.duration) + 1)])]
    if close != list(times):
        found.append("a close look gives other times")
    return found


def decoded(path: Path, info: VideoInfo) -> list[tuple[int, Fraction]]:
    """Read number and time of every picture without the program's own reader."""
    with av.open(str(path)) as container:
        return [
            (
                read_number(frame.to_ndarray(format="rgb24")),
                frame.pts * frame.time_base - info.start,
            )
            for frame in container.decode(video=0)
        ]


CAMPAIGN = Campaign(
    attempt=attempt, full=FULL, is_list=True, short=range(0, FULL, 4), long=range(FULL)
)
