"""Fine-tune a bundle end to end, its backbone and its tagger together, on clips and stills.

The bundle was trained on features of a frozen backbone; the new one carries its own backbone. The
run, with its `log.jsonl` and checkpoints, is in the folder BUNDLE.run; the same command continues
it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from data_pipeline.after_training.options import FineTuneOptions
from temporal_foley.errors import OutputExistsError, UsageError

if TYPE_CHECKING:
    from data_pipeline.after_training.fine_tune_input import TuningClips
    from temporal_foley.models.bundle.bundle import Bundle

STOPPED = 143
"""Exit code of a run that a signal ended and that the same command continues."""


def run(options: FineTuneOptions) -> int:
    """Fine-tune, and write the bundle."""
    if options.out.exists() and not options.overwrite:
        raise OutputExistsError(
            "exists", path=options.out, remedy="choose another folder or use --overwrite"
        )
    # Imported after the arguments are checked: these load jax.
    import jax

    from data_pipeline.after_training.fine_tune_input import (
        StretchConfig,
        TuningClips,
        find_sources,
        open_tuning_batches,
    )
    from data_pipeline.input.augment import PictureRanges, augment_pictures
    from temporal_foley.models.bundle.bundle import load_bundle, tagger_structure
    from temporal_foley.models.bundle_detector import BundleDetector
    from temporal_foley.models.compilation import enable_compilation_cache
    from temporal_foley.training.fine_tuning import (
        fine_tuned_bundle,
        make_joint_loss,
        make_joint_optimizer,
        split_networks,
    )
    from temporal_foley.training.finish import finish_run
    from temporal_foley.training.loop import LoopConfig, train
    from temporal_foley.training.losses import LossConfig
    from temporal_foley.training.mesh import local_rows, make_mesh
    from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
    from temporal_foley.training.step import TrainState, init_state, make_train_step
    from temporal_foley.training.tagging import DropoutConfig
    from temporal_foley.training.validation import SCORE

    # The bundle and the data.
    bundle = load_bundle(options.bundle)
    if bundle.inputs.aspect == "native":
        raise UsageError(
            "takes images of many shapes", path=options.bundle, remedy="train one that crops"
        )
    if bundle.taught is not None:
        raise UsageError(
            "has taught effects", path=options.bundle, remedy="fine-tune first, then teach"
        )
    sources = {
        split: find_sources(options.data, split, options.datasets if split == "train" else ())
        for split in ("train", "validation")
    }
    enable_compilation_cache()
    network = bundle.load_backbone().network
    encoder = BundleDetector(bundle)
    clips = {
        split: TuningClips(found, bundle.frame_rate, encoder, bundle.tagger.audio_features)
        for split, found in sources.items()
    }

    # The networks, and how they are updated.
    split = split_networks(network, tagger_structure(bundle.tagger), bundle.weights)

    def optimizer(steps: int, rate: float, weight_decay: float = 1e-2) -> Any:
        config = OptimizerConfig(
            learning_rate=rate, warmup_steps=steps // 10, weight_decay=weight_decay
        )
        return make_optimizer(config, steps)

    tx = make_joint_optimizer(
        # What was learnt on a million pictures does not decay.
        optimizer(options.steps - options.freeze_steps, options.learning_rate, weight_decay=0.0),
        optimizer(options.steps, options.head_learning_rate),
        freeze_steps=options.freeze_steps,
    )

    def augment(key: Any, images: Any) -> Any:
        return augment_pictures(key, images, PictureRanges())

    loss_fn = make_joint_loss(
        split, LossConfig(), DropoutConfig(), augment=augment if options.augment else None
    )

    def as_bundle(state: TrainState) -> "Bundle":
        return fine_tuned_bundle(bundle, network, split, state.params, state.statistics)

    def evaluate(state: TrainState) -> Mapping[str, float]:
        return score_bundle(as_bundle(state), clips["validation"], options.validation_clips)

    folder = options.run_folder or options.out.with_name(f"{options.out.name}.run")
    reading = StretchConfig(
        batch_size=options.batch_size, frames=options.frames, steps=options.steps, seed=options.seed
    )
    every = options.evaluate_every or max(1, options.steps // 4)
    digests = {
        part: {name: source.digest for name, source in found.items()}
        for part, found in sources.items()
    }
    names = ("steps", "batch_size", "frames", "learning_rate", "head_learning_rate", "augment")
    names += ("validation_clips", "freeze_steps", "seed")
    settings = {name: getattr(options, name) for name in names}
    outcome = train(
        folder,
        state=init_state(split.params, split.statistics, tx),
        step_fn=make_train_step(loss_fn, tx, jax.random.key(options.seed)),
        batches=lambda first: (
            local_rows(batch)
            for batch in open_tuning_batches(
                clips["train"], bundle.vocabulary, reading, first=first
            )
        ),
        steps=options.steps,
        evaluate=evaluate,
        score=SCORE,
        config=LoopConfig(
            log_every=min(10, every),
            save_every=every,
            evaluate_every=every,
            evaluates_first=True,
            keep_last=1,
        ),
        mesh=make_mesh(),
        identity={"bundle": bundle.sha256, "settings": settings, "data": digests},
        show=not options.quiet,
    )
    if not outcome.finished:
        print(f"stopped and saved at step {int(outcome.state.step)}; the same command continues")
        return STOPPED

    # The best state; one process writes it down.
    if jax.process_index() > 0:
        return 0
    chosen = outcome.best or outcome.state
    before, after = (scores_at(outcome.rows, step) for step in (0, int(chosen.step)))
    tuned = with_notes(as_bundle(chosen), bundle, settings, digests, before, after)
    outcome = dataclasses.replace(outcome, scores=after)
    finish_run(folder, options.out, tuned, outcome, overwrite=options.overwrite, before=before)
    if after[SCORE] < before[SCORE]:
        print("warning: its validation score is lower than before; use more data or smaller rates")
    return 0


def scores_at(rows: Sequence[Mapping[str, Any]], step: int) -> dict[str, float]:
    """Return the validation scores that were logged at a step."""
    prefix = "validation/"
    return {
        name.removeprefix(prefix): value
        for row in rows
        if row["step"] == step
        for name, value in row.items()
        if name.startswith(prefix)
    }


def score_bundle(bundle: "Bundle", clips: "TuningClips", most: int) -> Mapping[str, float]:
    """Return the validation scores of a bundle on whole clips, tagged as the detector does.

    Args:
        bundle: With its own backbone.
        clips: Of validation.
        most: Number of clips of each dataset, evenly chosen.
    """
    import numpy as np

    from data_pipeline.features.record import record_labels
    from temporal_foley.models.image.inference import Inference
    from temporal_foley.models.programs.program import flattened
    from temporal_foley.training.validation import judge_clip_frames

    assert bundle.backbone is not None
    network = bundle.backbone
    inference = Inference(lambda: network.graphdef, flattened(network.params))
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
            clip_logits = bundle.logits(
                visual, record.audio, has_picture=record.has_picture, has_sound=record.has_sound
            )
            truth = record_labels(record, bundle.vocabulary)
            logits.append(clip_logits)
            labels.append(truth.labels > 0)
            known.append(truth.known)
    return judge_clip_frames(np.concatenate(logits), np.concatenate(labels), np.concatenate(known))


def with_notes(
    tuned: "Bundle",
    bundle: "Bundle",
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    before: Mapping[str, float],
    after: Mapping[str, float],
) -> "Bundle":
    """Add the settings, data and scores of fine-tuning to a bundle."""
    info = {"from": bundle.sha256, "settings": dict(settings), "data": dict(data)}
    info |= {"validation_before": dict(before), "validation": dict(after)}
    note = (
        f"\n## Fine-tuned\n\nBackbone and tagger of {bundle.name} ({bundle.sha256[:12]}), trained "
        f"together for {settings['steps']} steps of {settings['batch_size']} clips. Calibration "
        "and thresholds are unchanged. The validation score was "
        f"{before['score']:.4f} before and is {after['score']:.4f}.\n"
    )
    return dataclasses.replace(
        tuned,
        name=f"{bundle.name}-fine_tuned",
        training_info={**bundle.training_info, "fine_tuning": info},
        card=bundle.card.rstrip("\n") + "\n" + note,
    )
