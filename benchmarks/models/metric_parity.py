"""Compare the metrics of events with those of sed_eval and sed_scores_eval on made-up clips.

    python benchmarks/models/metric_parity.py [--rounds 20]

Prints the largest difference of each figure over the rounds. Both libraries come with the extra
`parity`.
"""

import argparse
import importlib.util
import warnings
from collections import defaultdict
from fractions import Fraction

import numpy as np

from temporal_foley.evaluation import events, psds
from temporal_foley.evaluation.scored_clip import ScoredClip, without_overlaps
from temporal_foley.timegrid import TimeGrid
from temporal_foley.timeline import Event

EFFECTS = ("fire", "wave", "cars", "river")


def make_clips(random: np.random.Generator, clips: int = 8) -> list[ScoredClip]:
    """Make clips with events of every effect, and probabilities that know a little of them."""
    made = []
    for number in range(clips):
        grid = TimeGrid(frame_rate=Fraction(4), frames=int(random.integers(20, 60)))
        reference = without_overlaps(
            _event(random, effect, float(grid.end))
            for effect in EFFECTS
            for _ in range(random.integers(number == 0, 4))
        )
        labels = events.activity(reference, EFFECTS, grid).astype(np.float32)
        noise = random.normal(0.0, 1.5, labels.shape)
        smooth = (noise + np.roll(noise, 1, axis=0) + np.roll(noise, 2, axis=0)) / 3.0
        logits = 2.5 * labels - 1.5 + smooth
        made.append(
            ScoredClip(
                id=f"clip{number}",
                source=f"source{number}",
                dataset="made up",
                grid=grid,
                # Few digits, so that scores tie.
                probabilities=np.round(1.0 / (1.0 + np.exp(-logits)), 3).astype(np.float32),
                labels=labels,
                known=np.ones(labels.shape, bool),
                has_sound=True,
                has_picture=True,
                reference=reference,
            )
        )
    return made


def found_events(random: np.random.Generator, clips: list[ScoredClip]) -> list[list[Event]]:
    """Move true events about, drop some and add others."""
    found = []
    for clip in clips:
        moved = [
            Event(
                effect=event.effect,
                onset=max(0.0, event.onset + random.normal(0.0, 0.2)),
                offset=event.offset + abs(random.normal(0.0, 0.5)),
                confidence=1.0,
            )
            for event in clip.reference
            if random.random() < 0.8
        ]
        extra = [
            _event(random, str(random.choice(EFFECTS)), float(clip.grid.end))
            for _ in range(random.integers(0, 4))
        ]
        kept = [e for e in without_overlaps([*moved, *extra]) if e.offset <= clip.grid.end]
        found.append(kept)
    return found


def differences(seed: int, oracle: str) -> dict[str, float]:
    """Return how far each figure is from that of an oracle."""
    random = np.random.default_rng(seed)
    clips = make_clips(random)
    if oracle == "sed_scores_eval":
        return _against_sed_scores_eval(clips)
    return _against_sed_eval(clips, found_events(random, clips))


def _event(random: np.random.Generator, effect: str, end: float) -> Event:
    onset = random.uniform(0.0, end - 0.6)
    offset = min(end, onset + random.uniform(0.3, 4.0))
    return Event(effect=effect, onset=onset, offset=offset, confidence=1.0)


def _against_sed_eval(clips: list[ScoredClip], found: list[list[Event]]) -> dict[str, float]:
    import dcase_util
    import sed_eval

    names = list(EFFECTS)
    oracles = {
        "event": sed_eval.sound_event.EventBasedMetrics(
            names, t_collar=0.2, percentage_of_length=0.5
        ),
        "onset_100ms": sed_eval.sound_event.EventBasedMetrics(
            names, t_collar=0.1, evaluate_offset=False
        ),
        "onset_250ms": sed_eval.sound_event.EventBasedMetrics(
            names, t_collar=0.25, evaluate_offset=False
        ),
        "segment": sed_eval.sound_event.SegmentBasedMetrics(names, time_resolution=1.0),
    }
    for clip, guess in zip(clips, found, strict=True):
        tables = [
            dcase_util.containers.MetaDataContainer(
                [
                    {
                        "filename": clip.id,
                        "event_label": event.effect,
                        "onset": event.onset,
                        "offset": event.offset,
                    }
                    for event in side
                ]
            )
            for side in (clip.reference, guess)
        ]
        for oracle in oracles.values():
            oracle.evaluate(reference_event_list=tables[0], estimated_event_list=tables[1])
    ours = events.evaluate(clips, found, EFFECTS)
    apart = {}
    for name, oracle in oracles.items():
        overall = oracle.results_overall_metrics()["f_measure"]["f_measure"]
        average = oracle.results_class_wise_average_metrics()["f_measure"]["f_measure"]
        apart[f"sed_eval {name} F1, micro"] = abs(ours[name]["micro"]["f1"] - overall)
        apart[f"sed_eval {name} F1, macro"] = abs(ours[name]["macro"]["f1"] - average)
    return apart


def _against_sed_scores_eval(clips: list[ScoredClip]) -> dict[str, float]:
    from sed_scores_eval import intersection_based
    from sed_scores_eval.base_modules.scores import create_score_dataframe

    scores, truth, durations = {}, {}, {}
    for clip in clips:
        times = [float(clip.grid.time(frame)) for frame in range(clip.grid.frames + 1)]
        scores[clip.id] = create_score_dataframe(
            clip.probabilities.astype(np.float64), np.array(times), list(EFFECTS)
        )
        truth[clip.id] = [(e.onset, e.offset, e.effect) for e in clip.reference]
        durations[clip.id] = clip.duration_s
    apart = {}
    for name, config in psds.SCENARIOS.items():
        theirs = intersection_based.psds(
            scores,
            truth,
            durations,
            dtc_threshold=config.detection_part,
            gtc_threshold=config.truth_part,
            cttc_threshold=config.cross_part if config.cross_cost else None,
            alpha_ct=config.cross_cost,
            alpha_st=config.instability_cost,
            max_efpr=config.most_false_per_hour,
        )[0]
        ours = psds.psds(clips, EFFECTS, config)
        apart[f"sed_scores_eval {name}"] = abs(ours - theirs)
    return apart


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")
    for oracle in ("sed_eval", "sed_scores_eval"):
        if not importlib.util.find_spec(oracle):
            print(f"{oracle}: not installed")
            continue
        worst: dict[str, float] = defaultdict(float)
        for seed in range(rounds):
            for name, apart in differences(seed, oracle).items():
                worst[name] = max(worst[name], apart)
        for name, apart in worst.items():
            print(f"{name:45} {apart:.1e}")


if __name__ == "__main__":
    main()
