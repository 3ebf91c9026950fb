"""What `learn` does on clips that nobody edited: decisions made from the truth of half of them.

    python -m benchmarks.detection.learn BUNDLE --data FEATURES --splits validation test

The bundle proposes cues for every clip. On half of the clips a person who knows the truth decides:
what overlaps it is accepted, what does not is rejected, what is missed is added. What was learned
of that is judged on the decisions for the other half, and the other way round.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from data_pipeline.features.scoring import unscored_clip
from data_pipeline.features.split import open_split
from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.models.tagging.readout import readout_rows
from temporal_foley.spotting.decision import (
    apply_decision,
    calibrate,
    decision_from_json,
    default_decision,
)
from temporal_foley.teaching.fit_edits import DecidedClip, compare, learn
from temporal_foley.teaching.learn import UNTOUCHED


def decided(record, bundle, decision):
    """Let a person who knows the truth decide on what the bundle proposes for a clip."""
    vocabulary, grid = bundle.vocabulary, record.grid
    clip = unscored_clip(record, "clips", vocabulary)
    visual, audio = np.asarray(record.visual), np.asarray(record.audio)
    logits = bundle.logits(
        visual, audio, has_picture=record.has_picture, has_sound=record.has_sound
    )
    proposed = apply_decision(calibrate(logits, decision), grid, vocabulary, decision)
    truth = clip.truth
    labels = np.zeros(truth.shape, np.float32)
    weights = np.full(truth.shape, UNTOUCHED, np.float32)
    accepted, rejected = list(clip.reference), []
    for event in proposed:
        first, last = grid.frame_range(event.onset, event.offset)
        column = vocabulary.index(event.effect)
        if not truth[first:last, column].any():
            rejected.append(event)
        weights[first:last, column] = 1.0
    for event in accepted:
        first, last = grid.frame_range(event.onset, event.offset)
        labels[first:last, vocabulary.index(event.effect)] = 1.0
        weights[first:last, vocabulary.index(event.effect)] = 1.0
    return DecidedClip(
        name=record.id,
        grid=grid,
        rows=readout_rows(bundle, visual, audio, has_sound=record.has_sound),
        logits=logits,
        labels=labels,
        weights=weights,
        accepted=tuple(accepted),
        rejected=tuple(rejected),
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of features")
    parser.add_argument("--splits", nargs="+", default=["validation", "test"])
    parser.add_argument("--seeds", type=int, default=3, help="how often the clips are halved")
    words = parser.parse_args()
    bundle = load_bundle(words.bundle)
    vocabulary = bundle.vocabulary
    decision = (
        default_decision(vocabulary)
        if bundle.decision is None
        else decision_from_json(bundle.decision, vocabulary)
    )
    clips = []
    for name in words.splits:
        split = open_split(words.data, name, datasets=["clips"])
        clips += [decided(split[n], bundle, decision) for n in range(len(split))]
    edits = sum(len(c.accepted) + len(c.rejected) for c in clips)
    print(f"{len(clips)} clips, {edits} decisions")
    for seed in range(words.seeds):
        order = np.random.default_rng(seed).permutation(len(clips))
        half = len(order) // 2
        for own, other in ((order[:half], order[half:]), (order[half:], order[:half])):
            began, used = time.perf_counter(), time.process_time()
            learned = learn([clips[i] for i in own], vocabulary, decision)
            seconds, used = time.perf_counter() - began, time.process_time() - used
            before, after = compare([clips[i] for i in other], vocabulary, decision, learned)
            told = f"{seconds:.1f} s, {used:.1f} s of them at work on a core"
            print(f"seed {seed}, {len(own)} clips learned from in {told}")
            print(f"  before: {before}\n  after:  {after}")


if __name__ == "__main__":
    main()
