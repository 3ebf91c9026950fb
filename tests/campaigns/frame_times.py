"""Frame times on a variable rate, in five containers: exact to a tick, whatever is asked.

Every picture carries its number and was written at a known tick. What the program says of its
time, and which picture it takes to be on screen when, is compared with what was written, and with
the timestamps that PyAV gives to a reader who decodes everything.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from temporal_foley.media.close_up import close_ups
from temporal_foley.media.video import VideoInfo, probe_video, sample_frames
from temporal_foley.timegrid import TimeGrid
from tests.campaigns import Failure, Result
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


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Write a clip a case and read its times back."""
    failures, pictures, run_cases = [], 0, [case for case in cases if case < FULL]
    for case in run_cases:
        suffix, codec, ticks = CONTAINERS[case % len(CONTAINERS)]
        start = STARTS[case // len(CONTAINERS) % len(STARTS)]
        pattern = PATTERNS[case // len(CONTAINERS) // len(STARTS)]
        times = times_of(pattern, ticks, np.random.default_rng([seed, case]))
        path = folder / f"{case}{suffix}"
        options = {"bf": "3", "g": "12"} if codec == "libx264" else {}
        make_clip(path, times=times, codec=codec, start=start, options=options)
        pictures += len(times)
        for fault in faults(path, times, start):
            what = f"{suffix} {codec}, {pattern}, from {start} s"
            failures.append(Failure(case=case, what=what, came=fault))
        path.unlink()
    return Result(count=len(run_cases), failures=failures, figures={"pictures": pictures})


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
