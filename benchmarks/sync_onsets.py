"""Onset errors before and after the picture is asked, and what asking costs.

    python benchmarks/sync_onsets.py CLIPS/sync

For each clip its own sound is the truth: onsets by librosa (its default, peak-picked spectral flux;
`--backtrack` moves them to where the energy begins to rise). Each grid step of 4 Hz that holds an
onset is a given event, floored onto the grid. Of it the first onset in its step is the truth; where
hits are closer than a step (typing), the nearest one. Signed errors in milliseconds, sound early
below 0.
"""

import argparse
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.media.audio import read_audio
from temporal_foley.media.close_up import close_ups
from temporal_foley.media.video import VideoInfo, probe_video
from temporal_foley.spotting.motion import measure_motion
from temporal_foley.spotting.sync import meet_picture, stretches_to_watch
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

RATE_HZ = 22_050
HIT = Effect(name="hit", kind="one_shot", bus="hard_effects")
VOCABULARY = Vocabulary(name="hits", effects=(HIT,))


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backtrack", action="store_true")
    given = parser.parse_args(words)
    everything: list[tuple[float, float]] = []
    titles = "clip hits before_median before_95 after_median after_median_abs after_95 moved cpu_s"
    print("\t".join(titles.split()))
    for path in sorted(given.folder.glob("*.mp4")):
        info = probe_video(path)
        errors, moved, cost = measure(info, true_onsets(info, backtrack=given.backtrack))
        everything += errors
        report(path.stem[:24], errors, moved, cost)
    report("all", everything, None, None)


def true_onsets(info: VideoInfo, *, backtrack: bool) -> np.ndarray:
    """Return the onsets in the video's own sound, in seconds."""
    import librosa

    blocks = read_audio(info, sample_rate_hz=RATE_HZ, channels=1)
    assert blocks is not None
    sound = np.concatenate(list(blocks))[:, 0]
    return librosa.onset.onset_detect(
        y=sound, sr=RATE_HZ, hop_length=128, units="time", delta=0.12, wait=8, backtrack=backtrack
    )


def measure(info: VideoInfo, onsets: np.ndarray) -> tuple[list[tuple[float, float]], int, float]:
    """Return errors before and after in ms, how many were moved, and the CPU time in seconds."""
    grid = TimeGrid.covering(info.duration, Fraction(4))
    step = float(grid.step)
    # What sounds at the very beginning began before it.
    cells = sorted({float(grid.time(grid.frame_at(float(o)))) for o in onsets if o >= 0.15})
    events = [Event(effect="hit", onset=cell, offset=cell + 1.0, confidence=1.0) for cell in cells]
    start = time.process_time()
    watched = close_ups(info, stretches_to_watch(events, VOCABULARY, grid))
    met = meet_picture(events, measure_motion(watched), VOCABULARY, grid)
    cost = time.process_time() - start
    is_dense = len(onsets) > 1.5 * len(cells)
    errors = []
    for before, after in zip(events, met, strict=True):
        truth = onsets[(onsets >= before.onset) & (onsets < before.onset + step)][0]
        nearest = onsets[np.abs(onsets - after.onset).argmin()] if is_dense else truth
        errors.append((1e3 * (before.onset - truth), 1e3 * (after.onset - nearest)))
    moved = sum(a.onset != b.onset for a, b in zip(events, met, strict=True))
    return errors, moved, cost


def report(
    name: str, errors: Sequence[tuple[float, float]], moved: int | None, cost: float | None
) -> None:
    before, after = np.array(errors).T
    cells = [
        name,
        str(len(errors)),
        f"{np.median(before):.0f}",
        f"{np.percentile(np.abs(before), 95):.0f}",
        f"{np.median(after):.0f}",
        f"{np.median(np.abs(after)):.0f}",
        f"{np.percentile(np.abs(after), 95):.0f}",
        "" if moved is None else str(moved),
        "" if cost is None else f"{cost:.1f}",
    ]
    print("\t".join(cells))


if __name__ == "__main__":
    main()
