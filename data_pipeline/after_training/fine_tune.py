"""Fine-tune a bundle end to end, its backbone and its tagger, on pictures.

The bundle was trained on features of a frozen backbone; the new one has a backbone of its own. The
run, with its `log.jsonl` and checkpoints, is in the folder BUNDLE.run; the same command continues
it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_pipeline.after_training.options import FineTuneOptions
from temporal_foley.errors import OutputExistsError, UsageError

if TYPE_CHECKING:
    from data_pipeline.after_training.fine_tune_input import Clips
    from temporal_foley.models.bundle.bundle import Bundle

STOPPED = 143
"""Exit code of a run that a signal ended and that can go on."""


def run(words: FineTuneOptions) -> int:
    """Fine-tune, and write the bundle."""
    if words.out.exists() and not words.overwrite:
        raise OutputExistsError(f"{words.out}: is there already; give another or --overwrite")
    # Not before the words are known to be right: these load jax.
    import jax

    from data_pipeline.after_training.fine_tune_input import (
        Clips,
        StretchConfig,
        find_sources,
        open_batches,
    )
    from data_pipeline.input.augment import PictureRanges, augment_pictures
    from temporal_foley.models.bundle.bundle import load_bundle, save_bundle, tagger_structure
    from temporal_foley.models.bundle.bundle_backbone import load_bundle_backbone
    from temporal_foley.models.bundle_detector import BundleDetector
    from temporal_foley.models.compilation import enable_compilation_cache
    from temporal_foley.training.fine_tuning import (
        fine_tuned_bundle,
        make_joint_loss,
        make_joint_optimizer,
        split_networks,
    )
    from temporal_foley.training.log import draw_curves
    from temporal_foley.training.loop import LoopConfig, train
    from temporal_foley.training.losses import LossConfig
    from temporal_foley.training.mesh import make_mesh
    from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
    from temporal_foley.training.step import TrainState, init_state, make_train_step
    from temporal_foley.training.tagging import DropoutConfig
    from temporal_foley.training.validation import SCORE

    # What is fine-tuned, and on what.
    bundle = load_bundle(words.bundle)
    if bundle.senses.aspect == "native":
        raise UsageError(f"{words.bundle}: looks at pictures of many shapes; train one that crops")
    if bundle.taught is not None:
        raise UsageError(f"{words.bundle}: was taught effects; fine-tune first, and teach then")
    sources = {
        split: find_sources(words.data, split, words.datasets if split == "train" else ())
        for split in ("train", "validation")
    }
    enable_compilation_cache()
    network = load_bundle_backbone(bundle, lambda: bundle).network
    eyes, heard = BundleDetector(bundle), bundle.tagger.audio_features
    clips = {
        split: Clips(found, bundle.frame_rate, eyes, heard) for split, found in sources.items()
    }

    # The networks, and what changes them.
    split = split_networks(network, tagger_structure(bundle.tagger), bundle.weights)
    warmup = words.steps // 10
    tx = make_joint_optimizer(
        make_optimizer(
            # What was learnt on a million pictures is not pulled towards nothing.
            OptimizerConfig(
                learning_rate=words.learning_rate, warmup_steps=warmup, weight_decay=0.0
            ),
            words.steps,
        ),
        make_optimizer(
            OptimizerConfig(learning_rate=words.head_learning_rate, warmup_steps=warmup),
            words.steps,
        ),
    )

    def augment(key: Any, images: Any) -> Any:
        return augment_pictures(key, images, PictureRanges())

    loss_fn = make_joint_loss(
        split, LossConfig(), DropoutConfig(), augment=augment if words.augment else None
    )
    state = init_state(split.params, split.statistics, tx)

    def as_bundle(state: TrainState) -> "Bundle":
        return fine_tuned_bundle(bundle, network, split, state.params, state.statistics)

    def evaluate(state: TrainState) -> Mapping[str, float]:
        return score_bundle(as_bundle(state), clips["validation"], words.validation_clips)

    # The score before, to which the dip compares.
    before = evaluate(state)
    if before[SCORE] != before[SCORE]:
        raise UsageError(
            f"{words.data}: the clips of validation tell no effect from another; "
            "take more with --validation-clips"
        )
    folder = words.run_folder or words.out.with_name(f"{words.out.name}.run")
    reading = StretchConfig(
        batch_size=words.batch_size, frames=words.frames, steps=words.steps, seed=words.seed
    )

    def batches(first: int) -> Iterator[Any]:
        if first == 0:
            _note(folder, before)
        return open_batches(clips["train"], bundle.vocabulary, reading, first=first)

    every = words.evaluate_every or max(1, words.steps // 4)
    digests = {
        part: {name: source.digest for name, source in found.items()}
        for part, found in sources.items()
    }
    settings = ("steps", "batch_size", "frames", "learning_rate", "head_learning_rate", "augment")
    settings = {name: getattr(words, name) for name in (*settings, "validation_clips", "seed")}
    outcome = train(
        folder,
        state=state,
        step_fn=make_train_step(loss_fn, tx, jax.random.key(words.seed)),
        batches=batches,
        steps=words.steps,
        evaluate=evaluate,
        score=SCORE,
        config=LoopConfig(
            log_every=min(10, every), save_every=every, evaluate_every=every, keep_last=1
        ),
        mesh=make_mesh(),
        identity={"bundle": bundle.sha256, "settings": settings, "data": digests},
        show=not words.quiet,
    )
    if not outcome.finished:
        print(f"stopped and saved at step {int(outcome.state.step)}; the same command goes on")
        return STOPPED

    # The best of what was trained.
    tuned = as_bundle(outcome.best or outcome.state)
    after = score_bundle(tuned, clips["validation"], words.validation_clips)
    tuned = with_notes(tuned, bundle, settings, digests, before, after)
    draw_curves(
        folder,
        {
            "loss": ("loss", "frame_loss", "clip_loss"),
            "validation": tuple(f"validation/{name}" for name in CURVES),
        },
        folder / "curves.png",
    )
    sha256 = save_bundle(words.out, tuned, overwrite=words.overwrite)
    for name in before:
        print(f"{name}: {before[name]:.4f} before, {after[name]:.4f} after")
    if after[SCORE] < before[SCORE]:
        print("warning: it does worse than before on validation; take more data, or smaller rates")
    # A run that was finished before makes no steps.
    pace = f"; {1 / outcome.steps_per_s:.2f} seconds a step" if outcome.steps_per_s else ""
    print(f"wrote {words.out} ({sha256[:12]}){pace}")
    return 0


CURVES = ("macro_roc_auc", "any_effect_roc_auc", "macro_average_precision")


def score_bundle(bundle: "Bundle", clips: "Clips", most: int) -> Mapping[str, float]:
    """Judge whole clips as the detector does; return what `training.validation` tells of them.

    Args:
        bundle: with a backbone of its own.
        clips: of validation.
        most: of each dataset, evenly chosen.
    """
    import numpy as np

    from data_pipeline.features.record import record_labels
    from temporal_foley.models.image.inference import Inference
    from temporal_foley.training.validation import judge_frames

    assert bundle.backbone is not None
    inference = Inference(bundle.backbone.graphdef, bundle.backbone.params)
    logits, labels, known = [], [], []
    for number, source in enumerate(clips.sources):
        count = len(source)
        for index in np.unique(np.linspace(0, count - 1, min(most, count)).astype(int)):
            material = clips.material(number, int(index))
            record = clips.record(number, int(index), material)
            visual = np.zeros((record.frames, bundle.tagger.visual_features), np.float16)
            if record.has_picture:
                seen = clips.see(material, 0, record.frames)
                features = inference.run(np.stack(seen.pictures))[0]
                visual = features.astype(np.float16)[seen.shown]
            told = bundle.logits(
                visual, record.audio, has_picture=record.has_picture, has_sound=record.has_sound
            )
            truth = record_labels(record, bundle.vocabulary)
            logits.append(told)
            labels.append(truth.labels > 0)
            known.append(truth.known)
    return judge_frames(np.concatenate(logits), np.concatenate(labels), np.concatenate(known))


def with_notes(
    tuned: "Bundle",
    bundle: "Bundle",
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    before: Mapping[str, float],
    after: Mapping[str, float],
) -> "Bundle":
    """Write into a bundle what it was made of, and how it did."""
    import dataclasses

    told = {"from": bundle.sha256, "settings": dict(settings), "data": dict(data)}
    told |= {"validation_before": dict(before), "validation": dict(after)}
    note = (
        f"\n## Fine-tuned\n\nBackbone and tagger of {bundle.name} ({bundle.sha256[:12]}), trained "
        f"together for {settings['steps']} steps of {settings['batch_size']} clips. Slopes, biases "
        "and thresholds are those from before. The score on validation was "
        f"{before['score']:.4f} before and is {after['score']:.4f}.\n"
    )
    return dataclasses.replace(
        tuned,
        name=f"{bundle.name}-fine_tuned",
        facts={**bundle.facts, "fine_tuning": told},
        card=bundle.card.rstrip("\n") + "\n" + note,
    )


def _note(folder: Path, scores: Mapping[str, float]) -> None:
    """Put the scores from before the first step into the log, which has just been begun."""
    from temporal_foley.training.log import LOG

    row = {"step": 0, "elapsed_s": 0.0, **{f"validation/{k}": v for k, v in scores.items()}}
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
