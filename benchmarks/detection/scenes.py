"""Measure how well scenes are found, on composed films and on labelled clips.

    python benchmarks/detection/scenes.py CLIPS --truth benchmarks/detection/scenes.tsv --cache DIR

A composed film has five scenes, each of one clip: its first half, then a part of the picture (65 %
of each side) in its second half, in some with the first half again, in some with a cutaway to
another clip between them. Scenes are judged by colours alone, and with the image features of the
shipped model. Labelled clips are judged with the cuts that are found in them. Printed: precision
and recall of the beginnings of scenes (within half a second), and the part of films without fault;
last, by logistic regression leaving clips out in four parts, how many pairs of shots of one clip
and of two clips are linked by colours, by features and by both.
"""

import argparse
import csv
import itertools
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.models.bundle_detector import load_bundle_detector
from temporal_foley.models.by_name import bundle_folder
from temporal_foley.spotting.scenes import ShotLooks, distance, find_scenes, look_at_shots
from temporal_foley.spotting.shots import PictureChanges, cut_frames
from temporal_foley.timegrid import TimeGrid

FILMS = 200
SCENES = 5
SHOT_S = 3.0
PARTS = 4
NEAR_S = 0.5
CROP = 0.65
Looks = dict[str, np.ndarray]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args(words)
    given.cache.mkdir(parents=True, exist_ok=True)
    with (given.clips / "clips.tsv").open(encoding="utf-8") as rows:
        files = [f"{row['part']}/{row['file']}" for row in csv.DictReader(rows, delimiter="\t")]
    looks = {file: read_looks(given.clips / file, given.cache) for file in files}
    print("what\tway\tprecision\trecall\twithout fault")
    enough = [one for one in looks.values() if len(one["full"]) >= 4]
    films = [compose(enough, np.random.default_rng(seed)) for seed in range(FILMS)]
    for way in ("colours", "both"):
        found = [
            (starts, find_scenes(shots if way == "both" else without_features(shots)))
            for shots, starts in films
        ]
        print_row("composed", way, found)
    with given.truth.open(encoding="utf-8") as rows:
        lines = [line for line in rows if not line.startswith("#")]
    labelled = [
        (shots_of(looks[row["file"]]), list(map(float, row["starts"].split())))
        for row in csv.DictReader(lines, delimiter="\t")
    ]
    for way in ("colours", "both"):
        found = [
            (starts, find_scenes(shots if way == "both" else without_features(shots)))
            for shots, starts in labelled
        ]
        print_row("labelled", way, found)
    judge_pairs(looks)


def read_looks(clip: Path, cache: Path) -> Looks:
    """Return colours and features of a clip's pictures, whole and cropped; kept in the cache."""
    kept = cache / f"{clip.stem}.npz"
    if not kept.exists():
        info, detector = probe_video(clip), load_bundle_detector(bundle_folder("foley20"))
        grid = TimeGrid.covering(info.duration, 4)
        changes, cropped = PictureChanges(), PictureChanges()
        rng = np.random.default_rng(zlib.crc32(clip.stem.encode()))
        top, left = rng.uniform(0.0, 1.0 - CROP, 2)
        whole, parts, places = [], [], []
        for frame in sample_frames(info, grid, lambda image: image):
            changes.add(frame.image)
            if frame.index % 4 == 1:
                rows, columns = frame.image.shape[:2]
                first, second = round(top * rows), round(left * columns)
                part = frame.image[first:, second:][: round(CROP * rows), : round(CROP * columns)]
                part = np.ascontiguousarray(part)
                cropped.add(part)
                whole.append(detector.prepare(frame.image))
                parts.append(detector.prepare(part))
                places.append(frame.index)
        np.savez(
            kept,
            full=detector.look(iter(whole)),
            crop=detector.look(iter(parts)),
            colours=np.array(changes.colours, np.float32),
            crop_colours=np.array(cropped.colours, np.float32),
            places=np.array(places),
            cuts=np.array(cut_frames(changes), int),
            seconds=float(info.duration),
        )
    with np.load(kept) as stored:
        return dict(stored)


def halves(look: Looks) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return colours and features of a clip's first half and of a part of its second half."""
    half = len(look["full"]) // 2
    whole = look["colours"][look["places"]]
    return [
        (whole[:half].mean(axis=0), look["full"][:half].astype(np.float32).mean(axis=0)),
        (look["crop_colours"][half:].mean(axis=0), look["crop"][half:].astype("f4").mean(axis=0)),
    ]


def compose(looks: Sequence[Looks], rng: np.random.Generator) -> tuple[ShotLooks, list[float]]:
    """Return the shots of a film and when its scenes begin."""
    chosen = [looks[int(number)] for number in rng.permutation(len(looks))[: 2 * SCENES]]
    shots: list[tuple[np.ndarray, np.ndarray]] = []
    starts: list[float] = []
    for own, away in zip(chosen[:SCENES], chosen[SCENES:], strict=True):
        starts.append(SHOT_S * len(shots))
        first, second = halves(own)
        pattern = int(rng.integers(3))
        shots += [[first, second], [first, halves(away)[1], second], [first, second, first]][
            pattern
        ]
    times = [SHOT_S * number for number in range(len(shots) + 1)]
    colours, features = (np.array(part) for part in zip(*shots, strict=True))
    return look_at_shots(colours, features, list(range(1, len(shots))), times), starts


def shots_of(look: Looks) -> ShotLooks:
    """Return the shots of a clip between the cuts that were found in it."""
    frames = len(look["colours"])
    near = np.abs(look["places"][:, None] - np.arange(frames)[None, :]).argmin(axis=0)
    cuts = look["cuts"].tolist()
    times = [0.0, *(0.25 * cut for cut in cuts), float(look["seconds"])]
    return look_at_shots(look["colours"], look["full"][near], cuts, times)


def without_features(shots: ShotLooks) -> ShotLooks:
    """Return shots of which only the colours are known."""
    return ShotLooks(times=shots.times, colours=shots.colours)


def print_row(what: str, way: str, found: Sequence[tuple[list[float], list]]) -> None:
    """Print precision and recall of the beginnings after the first, and films without fault."""
    hits = placed = true = right = 0
    for starts, scenes in found:
        truth, begins = starts[1:], [start for start, _ in scenes][1:]
        matched = sum(any(abs(one - start) <= NEAR_S for one in begins) for start in truth)
        hits, placed, true = hits + matched, placed + len(begins), true + len(truth)
        right += matched == len(truth) == len(begins)
    cells = [hits / max(placed, 1), hits / max(true, 1), right / len(found)]
    print("\t".join([what, way, *(f"{cell:.2f}" for cell in cells)]), flush=True)


def judge_pairs(looks: dict[str, Looks]) -> None:
    """Print how many pairs of shots a logistic regression links, and its weights."""
    shots = [
        (file, *half)
        for file, look in looks.items()
        if len(look["full"]) >= 4
        for half in halves(look)
    ]
    rows, same, parts = [], [], []
    for number, (one, other) in enumerate(itertools.combinations(shots, 2)):
        if one[0] != other[0] and number % 5:
            continue
        a, b = one[2], other[2]
        apart = 1.0 - float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))
        rows.append((distance(one[1], other[1]), apart))
        same.append(one[0] == other[0])
        parts.append(zlib.crc32(one[0].encode()) % PARTS)
    x, y, part = np.array(rows), np.array(same), np.array(parts)
    print("pairs by\tof one clip\tof two clips\tweights")
    for name, columns in (("colours", [0]), ("features", [1]), ("both", [0, 1])):
        linked = np.zeros(len(y), bool)
        for own in range(PARTS):
            model = LogisticRegression(C=10.0, class_weight="balanced")
            model.fit(x[part != own][:, columns], y[part != own])
            linked[part == own] = model.decision_function(x[part == own][:, columns]) > 0.0
        model.fit(x[:, columns], y)
        weights = np.round(np.concatenate([model.coef_[0], np.ravel(model.intercept_)]), 1).tolist()
        print(f"{name}\t{linked[y].mean():.3f}\t{linked[~y].mean():.3f}\t{weights}")


if __name__ == "__main__":
    main()
