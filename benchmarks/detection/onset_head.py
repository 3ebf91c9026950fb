"""Compare a small onset head on the picture with chance and with the impact finder.

    python benchmarks/detection/onset_head.py CLIPS --cache DIR

The target needs no labels: the onset strength of each clip's own sound (all real sound in
`clips.tsv`), at 25 steps a second. The input is the motion of the picture around each step, 0.32 s
before and after: change, fall and impact strength, each beside its clip's own largest. The head is
a ridge regression over that window, with the family of the sound (call, strike, other) as input;
whole sources are left out in turn. Judged are its highest peaks, as many as the sound has onsets,
by F1 at 100 ms, beside as many at random (200 draws) and the highest peaks of the impact finder.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from temporal_foley.media.audio import read_audio
from temporal_foley.media.close_up import close_ups
from temporal_foley.media.video import probe_video
from temporal_foley.spotting.motion import impacts, measure_motion
from temporal_foley.spotting.own_sound.attacks import CALL, STRIKE
from temporal_foley.spotting.own_sound.hits import find_candidates
from temporal_foley.spotting.own_sound.onset_strength import FRAME_S, measure_levels

STEP_S = 0.04
AROUND = 8
RIDGE = 30.0
DRAWS = 200
CALLS = ("dog", "cat", "sheep", "bird", "canary", "cough", "crying", "sneeze", "speaking", "cheer")
STRIKES = (
    "knife",
    "metal",
    "hammer",
    "pool",
    "typing",
    "keyboard",
    "bongo",
    "drum",
    "steps",
    "gun",
)
STRIKES += ("djembe", "tabla", "marimba", "piano", "rifle", "crisps", "can")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args(words)
    given.cache.mkdir(parents=True, exist_ok=True)
    clips = []
    with (given.clips / "clips.tsv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows, delimiter="\t"):
            if row["audio"] == "real" or row["audio"].startswith("real,"):
                one = read_clip(given.clips / row["part"] / row["file"], given.cache)
                if one is not None and len(one["onsets"]) >= 2:
                    family = family_of(f"{row['what']} {row['file']} {row['class']}".lower())
                    clips.append(one | {"family": family, "source": source_of(row)})
    print(f"{len(clips)} clips, {len({c['source'] for c in clips})} sources")
    scores: dict[str, list[np.ndarray]] = defaultdict(list)
    for clip in clips:
        others = [other for other in clips if other["source"] != clip["source"]]
        weights = fit(others)
        count = len(clip["onsets"])
        found = {
            "head": highest(inputs(clip) @ weights, count),
            "impacts": highest(clip["rows"][:, 2], count),
        }
        rng = np.random.default_rng(0)
        seconds = len(clip["rows"]) * STEP_S
        random = [matches(clip["onsets"], rng.uniform(0, seconds, count)) for _ in range(DRAWS)]
        found_counts = {way: matches(clip["onsets"], times) for way, times in found.items()}
        found_counts["chance"] = float(np.mean(random))
        for way, hits in found_counts.items():
            for key in ("all", clip["family"]):
                scores[f"{key}\t{way}"].append(np.array([hits, count]))
    print("family\tway\tF1_100\tclips\tonsets")
    for key, rows in sorted(scores.items()):
        hits, count = np.sum(rows, axis=0)
        print(f"{key}\t{hits / count:.2f}\t{len(rows)}\t{int(count)}")


def read_clip(path: Path, cache: Path) -> dict | None:
    """Return motion rows and onsets of a clip, kept in the cache."""
    kept = cache / f"{path.stem}.npz"
    if not kept.exists():
        info = probe_video(path)
        blocks = read_audio(info, sample_rate_hz=32_000, channels=1)
        if blocks is None:
            return None
        levels = measure_levels(np.concatenate(list(blocks))[:, 0])
        attack = CALL if family_of(path.stem.lower()) == "call" else STRIKE
        hits, _ = find_candidates(levels, attack)
        loudest = max((hit.level_db for hit in hits), default=0.0)
        onsets = [hit.time for hit in hits if hit.level_db >= loudest - 16.0]
        motion = measure_motion(close_ups(info, [(0.0, float(info.duration))]))
        times = np.arange(0.0, len(levels.bands_db) * FRAME_S, STEP_S)
        rows = [
            resampled(values, motion.times, times)
            for values in (motion.change, motion.fall, impacts(motion))
        ]
        np.savez(kept, rows=np.stack(rows, axis=1), onsets=np.array(onsets))
    with np.load(kept) as stored:
        return {name: stored[name] for name in ("rows", "onsets")}


def resampled(values: np.ndarray, at: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the largest value in each step, beside the clip's largest."""
    out = np.zeros(len(times))
    places = np.clip((at / STEP_S).astype(int), 0, len(times) - 1)
    np.maximum.at(out, places, values)
    return out / max(float(np.percentile(np.abs(out), 99)), 1e-6)


def inputs(clip: dict) -> np.ndarray:
    """Return the motion around each step, by itself and for the clip's own family."""
    rows = np.clip(clip["rows"], -2.0, 2.0)
    padded = np.pad(rows, ((AROUND, AROUND), (0, 0)), mode="edge")
    window = np.concatenate(
        [padded[shift : shift + len(rows)] for shift in range(2 * AROUND + 1)], axis=1
    )
    parts = [window, *(window * (clip["family"] == f) for f in ("call", "strike"))]
    return np.concatenate([*parts, np.ones((len(rows), 1))], axis=1)


def fit(clips: Sequence[dict]) -> np.ndarray:
    """Return the ridge regression from inputs to smoothed onsets."""
    xs, ys = [], []
    for clip in clips:
        x = inputs(clip)
        times = np.arange(len(x)) * STEP_S
        near = np.abs(times[:, None] - clip["onsets"][None, :]).min(axis=1)
        y = np.exp(-0.5 * (near / 0.04) ** 2)
        xs.append(x - x.mean(axis=0))
        ys.append(y - y.mean())
    x, y = np.concatenate(xs), np.concatenate(ys)
    return np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)


def highest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the times of the highest peaks, at least 0.12 s apart."""
    chosen: list[int] = []
    for place in np.argsort(-values, kind="stable"):
        if all(abs(place - other) > 3 for other in chosen):
            chosen.append(int(place))
        if len(chosen) == count:
            break
    return np.array(chosen) * STEP_S + 0.5 * STEP_S


def matches(truth: np.ndarray, placed: np.ndarray) -> int:
    """Return how many hits match one to one within 100 ms."""
    truth, placed = np.sort(truth), np.sort(placed)
    count = first = 0
    for moment in truth:
        while first < len(placed) and placed[first] < moment - 0.1:
            first += 1
        if first < len(placed) and placed[first] <= moment + 0.1:
            count, first = count + 1, first + 1
    return count


def family_of(words: str) -> str:
    """Return whether a clip's sound is a call, a strike or something else, by its description."""
    if any(word in words for word in CALLS):
        return "call"
    return "strike" if any(word in words for word in STRIKES) else "other"


def source_of(row: dict[str, str]) -> str:
    """Return what clips of one source share."""
    return row["origin"].split(":")[0] + ("" if row["part"] == "more" else row["file"][:24])


if __name__ == "__main__":
    main()
