"""Compare the hundred effects of `everyday` with the twenty of the default model on real clips.

    python benchmarks/detection/everyday.py CLIPS_DIR --features FEATURES_DIR [--verbose]

CLIPS_DIR holds `clips.tsv` (columns part, file, class, what) and a folder for each part. What the
clips have of the other effects is in `everyday_clips.tsv`; clips that neither names have nothing.
Features of clips are computed once and kept in FEATURES_DIR. An effect is found if an event of it
is anywhere in a clip that has it; a false cue is an event of an effect that the clip does not have.
"""

import argparse
import csv
import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from temporal_foley.evaluation.curves import roc_auc
from temporal_foley.media.audio import read_audio
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.models.by_name import EVERYDAY, load_detector
from temporal_foley.models.combined_detector import CombinedDetector
from temporal_foley.spotting.decision import apply_decision, decision_from_json
from temporal_foley.spotting.events import keep_one_per_group
from temporal_foley.stages import LISTENING_RATE_HZ
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

SEEN_ONLY = {"dog_seen": "dog_barking", "cat_seen": "cat_meowing"}
RATE = Fraction(4)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip with what it has and its features."""

    what: str
    minutes: float
    present: frozenset[str]
    visual: np.ndarray
    audio: np.ndarray | None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--verbose", action="store_true", help="print the events of every clip")
    words = parser.parse_args()
    detector = load_detector(EVERYDAY)
    assert isinstance(detector, CombinedDetector)
    clips = read_clips(words.clips, words.features, detector)
    few = frozenset(detector.bundle.vocabulary.names)
    events = [find(clip, detector) for clip in clips]
    for name, effects in (("the twenty", few), ("everyday", frozenset(detector.vocabulary.names))):
        compare(name, clips, events, detector, effects, words.verbose)
    print_ranking(clips, detector, few)


def read_clips(folder: Path, kept: Path, detector: CombinedDetector) -> list[Clip]:
    """Read the clips with their features, computing those that are not kept yet."""
    own = read_table(Path(__file__).with_name("everyday_clips.tsv"))
    truth = {row["file"]: row["effects"] for row in own}
    known = frozenset(detector.vocabulary.names)
    clips = []
    for row in read_table(folder / "clips.tsv"):
        path = kept / row["part"] / f"{row['file']}.npz"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **compute_features(folder / row["part"] / row["file"], detector))
        with np.load(path) as arrays:
            visual, audio = arrays["visual"], arrays.get("audio")
        classes = truth.get(row["file"], row["class"]).split("|")
        clip = Clip(
            what=row["what"],
            minutes=float(row["seconds"]) / 60,
            present=frozenset(SEEN_ONLY.get(name, name) for name in classes) & known,
            visual=visual,
            audio=audio,
        )
        clips.append(clip)
    return clips


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a table, without its comments."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t"))


def compute_features(path: Path, detector: CombinedDetector) -> Mapping[str, np.ndarray]:
    """Return the image features of a clip and, if it has sound, the audio features."""
    info = probe_video(path)
    grid = TimeGrid.covering(info.duration, RATE)
    frames = (frame.image for frame in sample_frames(info, grid, detector.prepare))
    found = {"visual": detector.bundle.look(frames)}
    sound = read_audio(info, sample_rate_hz=LISTENING_RATE_HZ, channels=1)
    audio = None if sound is None else detector.bundle.listen(sound, grid)
    return found if audio is None else found | {"audio": audio}


def find(clip: Clip, detector: CombinedDetector) -> list[Event]:
    """Return the events in a clip, before those of a group are compared."""
    probabilities = detector.judge(clip.visual, clip.audio)
    assert detector.decision is not None
    decision = decision_from_json(detector.decision, detector.vocabulary)
    grid = TimeGrid(start=Fraction(0), frame_rate=RATE, frames=len(clip.visual))
    return apply_decision(probabilities, grid, detector.vocabulary, decision)


def compare(
    name: str,
    clips: list[Clip],
    found_events: list[list[Event]],
    detector: CombinedDetector,
    effects: frozenset[str],
    verbose: bool,
) -> None:
    """Print what is found of some effects, and what is found that is not there."""
    few = frozenset(detector.bundle.vocabulary.names)
    found = {"the twenty": [0, 0], "others": [0, 0]}
    false, minutes = {"nothing": 0, "something": 0}, {"nothing": 0.0, "something": 0.0}
    for clip, all_events in zip(clips, found_events, strict=True):
        chosen = [event for event in all_events if event.effect in effects]
        events = keep_one_per_group(chosen, detector.vocabulary)
        wrong = [event for event in events if event.effect not in clip.present]
        right = {event.effect for event in events} & clip.present
        kind = "something" if clip.present else "nothing"
        false[kind] += len(wrong)
        minutes[kind] += clip.minutes
        for group, members in (("the twenty", few), ("others", effects - few)):
            if clip.present & members:
                found[group][0] += bool(right & members)
                found[group][1] += 1
        if verbose:
            told = ", ".join(f"{event.effect} {event.confidence:.2f}" for event in events)
            print(f"  {clip.what[:40]} | {'|'.join(sorted(clip.present))} | {told}")
    for group, (count, of) in found.items():
        if of:
            print(f"{name}: {count} of {of} clips with {group} found")
    for kind, count in false.items():
        rate = count / minutes[kind]
        print(f"{name}: {rate:.2f} false cues a minute in {minutes[kind]:.1f} min with {kind}")


def print_ranking(clips: list[Clip], detector: CombinedDetector, few: frozenset[str]) -> None:
    """Print how well the effects outside the bundle rank the clips that have them."""
    tops = [np.sort(detector.judge(c.visual, c.audio), axis=0) for c in clips]
    levels = np.stack([rows[-max(1, len(rows) // 2) :].mean(axis=0) for rows in tops])
    scores = {}
    for column, name in enumerate(detector.vocabulary.names):
        truth = np.array([name in clip.present for clip in clips])
        if name not in few and truth.any():
            scores[name] = float(roc_auc(truth, levels[:, column]))
    mean = sum(scores.values()) / len(scores)
    print(f"macro ROC-AUC of {len(scores)} others: {mean:.3f}")
    print(", ".join(f"{name} {score:.2f}" for name, score in scores.items()))


if __name__ == "__main__":
    main()
