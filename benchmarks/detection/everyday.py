"""Compare the hundred effects of `everyday` with the twenty of the default model on real clips.

    python benchmarks/detection/everyday.py CLIPS_DIR --features FEATURES_DIR [--verbose]

CLIPS_DIR holds `clips.tsv` (columns part, file, class, what) and a folder for each part. What the
clips have of the other effects is in `everyday_clips.tsv`; clips that neither names have nothing.
Features of clips are computed once and kept in FEATURES_DIR. An effect is found if an event of it
is anywhere in a clip that has it; a false cue is an event of an effect that the clip does not have.

Printed are the figures of the twenty alone, of all, and of all with another threshold of the others
for each of six groups of sources, chosen on the other five: the one that finds most with no more
false cues than `MOST_FALSE`.
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
from temporal_foley.models.closer_look import EVERY_S, CloseParts, CloserLook
from temporal_foley.models.combined_detector import CombinedDetector
from temporal_foley.models.zero_shot import THRESHOLD_OFF, THRESHOLD_ON
from temporal_foley.spotting.decision import Decision, apply_decision, decision_from_json
from temporal_foley.spotting.events import keep_one_per_group
from temporal_foley.stages import LISTENING_RATE_HZ
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

SEEN_ONLY = {"dog_seen": "dog_barking", "cat_seen": "cat_meowing"}
RATE = Fraction(4)
FOLDS = 6
THRESHOLDS = (0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02)
MOST_FALSE = 0.7
"""False cues a minute in clips with nothing that a threshold may give. Of clips with one of the
twenty nobody has listed what else they have."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip with what it has and its features."""

    what: str
    minutes: float
    source: str
    present: frozenset[str]
    visual: np.ndarray
    audio: np.ndarray | None
    parts: CloseParts | None


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
    probabilities = [detector.judge(clip.visual, clip.audio, clip.parts) for clip in clips]
    assert detector.decision is not None
    decision = decision_from_json(detector.decision, detector.vocabulary)
    events = [find(rows, detector, decision) for rows in probabilities]
    every = frozenset(detector.vocabulary.names)
    for name, effects in (("the twenty", few), ("everyday", every)):
        compare(name, clips, events, detector, effects, words.verbose)
    chosen = choose_by_source(clips, probabilities, detector, decision)
    compare("out of fold", clips, chosen, detector, every, words.verbose)
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
            parts = None
            if len(arrays["part_frames"]):
                parts = CloseParts(
                    frames=arrays["part_frames"],
                    features=arrays["part_features"],
                    every=int(EVERY_S * RATE),
                )
        classes = truth.get(row["file"], row["class"]).split("|")
        clip = Clip(
            what=row["what"],
            minutes=float(row["seconds"]) / 60,
            source=row["origin"].partition(":")[0],
            present=frozenset(SEEN_ONLY.get(name, name) for name in classes) & known,
            visual=visual,
            audio=audio,
            parts=parts,
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
    closer = CloserLook(detector.bundle.look, int(EVERY_S * RATE))
    found = {"visual": detector.bundle.look(closer.watch(frames))}
    parts = closer.found()
    found["part_frames"] = np.zeros(0) if parts is None else parts.frames
    found["part_features"] = np.zeros(0) if parts is None else parts.features
    sound = read_audio(info, sample_rate_hz=LISTENING_RATE_HZ, channels=1)
    audio = None if sound is None else detector.bundle.listen(sound, grid)
    return found if audio is None else found | {"audio": audio}


def find(probabilities: np.ndarray, detector: CombinedDetector, decision: Decision) -> list[Event]:
    """Return the events in a clip, before those of a group are compared."""
    grid = TimeGrid(start=Fraction(0), frame_rate=RATE, frames=len(probabilities))
    return apply_decision(probabilities, grid, detector.vocabulary, decision)


def choose_by_source(
    clips: list[Clip],
    probabilities: list[np.ndarray],
    detector: CombinedDetector,
    decision: Decision,
) -> list[list[Event]]:
    """Return the events of each clip with a threshold that was chosen on other sources."""
    few = frozenset(detector.bundle.vocabulary.names)
    sources = sorted({clip.source for clip in clips})
    fold = np.array([sources.index(clip.source) % FOLDS for clip in clips])
    minutes = np.array([clip.minutes for clip in clips])
    tried, found, false = [], [], []
    for threshold in THRESHOLDS:
        lower = with_threshold(decision, few, threshold)
        events = [find(rows, detector, lower) for rows in probabilities]
        tried.append(events)
        kept = [keep_one_per_group(each, detector.vocabulary) for each in events]
        names = [{event.effect for event in each} for each in kept]
        pairs = list(zip(clips, names, strict=True))
        found.append([bool(own & clip.present - few) for clip, own in pairs])
        wrong = [
            sum(event.effect not in clip.present for event in each)
            for clip, each in zip(clips, kept, strict=True)
        ]
        false.append(wrong)
    hits, rates = np.array(found), np.array(false) / minutes
    chosen = np.zeros(FOLDS, int)
    nothing = np.array([not clip.present for clip in clips])
    for own in range(FOLDS):
        others = fold != own
        empty = others & nothing
        rate = (rates[:, empty] * minutes[empty]).sum(axis=1) / minutes[empty].sum()
        allowed = np.flatnonzero(rate <= MOST_FALSE)
        best = allowed[hits[allowed][:, others].sum(axis=1).argmax()] if len(allowed) else 0
        chosen[own] = best
    print("thresholds out of fold:", *(f"{THRESHOLDS[place]:g}" for place in chosen))
    return [tried[chosen[own]][number] for number, own in enumerate(fold)]


def with_threshold(decision: Decision, few: frozenset[str], threshold: float) -> Decision:
    """Give the effects that were not trained another threshold."""
    off = threshold * THRESHOLD_OFF / THRESHOLD_ON
    effects = tuple(
        effect
        if effect.effect in few
        else dataclasses.replace(effect, threshold_on=threshold, threshold_off=off)
        for effect in decision.effects
    )
    return dataclasses.replace(decision, effects=effects)


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
    tops = [np.sort(detector.judge(c.visual, c.audio, c.parts), axis=0) for c in clips]
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
