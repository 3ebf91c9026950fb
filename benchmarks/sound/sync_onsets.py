"""Measure onset errors before and after motion is used, and what that costs.

    python benchmarks/sound/sync_onsets.py CLIPS/sync
    python benchmarks/sound/sync_onsets.py CLIPS/dev/DOG.mp4 CLIPS/dev/BABY.mp4 --sweep

For each clip its own sound is the truth: onsets by librosa (its default, peak-picked spectral flux;
`--backtrack` moves them to where the energy begins to rise). Each grid step of 4 Hz that holds an
onset is a given event, floored onto the grid. Of it the first onset in its step is the truth; where
hits are closer than a step (typing), the nearest one. Signed errors in milliseconds, sound early
below 0. `--sweep` prints the errors of all events for each confidence that a move may ask for.
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
from temporal_foley.spotting.motion import impacts, measure_motion
from temporal_foley.spotting.sync import Impact, find_onset, meet_picture, stretches_to_watch
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

RATE_HZ = 22_050
HIT = Effect(name="hit", kind="one_shot", bus="hard_effects")
VOCABULARY = Vocabulary(name="hits", effects=(HIT,))
CONFIDENCES = (0.0, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 1.1)
"""Asked for in a sweep; the last one lets nothing move."""

Found = tuple[float, float, Impact | None]
"""Where the grid has an event and where it truly is, in seconds, and the impact seen near it."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", help="videos, or folders of them")
    parser.add_argument("--backtrack", action="store_true")
    parser.add_argument("--sweep", action="store_true")
    given = parser.parse_args(words)
    paths = [p for clip in given.clips for p in (sorted(clip.glob("*.mp4")) or [clip])]
    if given.sweep:
        sweep(paths, backtrack=given.backtrack)
        return
    everything: list[tuple[float, float]] = []
    titles = "clip hits before_median before_95 after_median after_median_abs after_95 moved cpu_s"
    print("\t".join(titles.split()))
    for path in paths:
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


def sweep(paths: Sequence[Path], *, backtrack: bool) -> None:
    """Print, for each confidence, how many events move and the errors of all."""
    found: list[Found] = []
    for path in paths:
        info = probe_video(path)
        own = impacts_near(info, true_onsets(info, backtrack=backtrack))
        found += own
        sure = [impact.confidence for _, _, impact in own if impact is not None]
        spread = np.percentile(sure, [10, 50, 90]).round(2) if sure else ""
        print(
            f"{path.stem[:24]}\t{len(own)} events\tconfidence at 10, 50, 90 %: {spread}", flush=True
        )
    print("confidence moved median median_abs 95 within_100_ms worse".replace(" ", "\t"))
    for least in CONFIDENCES:
        before, after, moved = [], [], 0
        for cell, truth, impact in found:
            moves = impact is not None and impact.confidence >= least
            before.append(1e3 * (cell - truth))
            after.append(1e3 * (impact.time - truth) if impact and moves else before[-1])
            moved += moves
        size = np.abs(after)
        cells = [
            f"{least:.2f}",
            f"{moved} of {len(found)}",
            f"{np.median(after):.0f}",
            f"{np.median(size):.0f}",
            f"{np.percentile(size, 95):.0f}",
            f"{(size <= 100).mean():.2f}",
            f"{int((size > np.abs(before) + 20).sum())}",
        ]
        print("\t".join(cells))


def impacts_near(info: VideoInfo, onsets: np.ndarray) -> list[Found]:
    """Return, for each grid step that holds an onset, its first one and the impact near it."""
    grid, events = given_events(info, onsets)
    motion = measure_motion(close_ups(info, stretches_to_watch(events, VOCABULARY, grid)))
    strengths, step = impacts(motion), float(grid.step)
    return [
        (
            event.onset,
            float(onsets[(onsets >= event.onset) & (onsets < event.onset + step)][0]),
            find_onset(event.onset, motion, strengths, step),
        )
        for event in events
    ]


def given_events(info: VideoInfo, onsets: np.ndarray) -> tuple[TimeGrid, list[Event]]:
    """Return an event for each step of a grid of 4 Hz that holds an onset, floored onto it."""
    grid = TimeGrid.covering(info.duration, Fraction(4))
    # What sounds at the very beginning began before it.
    cells = sorted({float(grid.time(grid.frame_at(float(o)))) for o in onsets if o >= 0.15})
    return grid, [
        Event(effect="hit", onset=cell, offset=cell + 1.0, confidence=1.0) for cell in cells
    ]


def measure(info: VideoInfo, onsets: np.ndarray) -> tuple[list[tuple[float, float]], int, float]:
    """Return errors before and after in ms, how many were moved, and the CPU time in seconds."""
    grid, events = given_events(info, onsets)
    step = float(grid.step)
    start = time.process_time()
    watched = close_ups(info, stretches_to_watch(events, VOCABULARY, grid))
    met = meet_picture(events, measure_motion(watched), VOCABULARY, grid)
    cost = time.process_time() - start
    is_dense = len(onsets) > 1.5 * len(events)
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
