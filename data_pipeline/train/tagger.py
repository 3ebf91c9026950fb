"""Train a tagger on cached features, and write its bundle."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_pipeline.train.check import check_splits

if TYPE_CHECKING:
    from data_pipeline.features.split import FeatureSplit
    from temporal_foley.effects import Vocabulary
    from temporal_foley.training.config import Config
    from temporal_foley.training.loop import Run


def train_bundle(
    config: "Config",
    data: Path,
    out: Path,
    *,
    coordinator: str | None = None,
    processes: int = 1,
    process: int = 0,
    overwrite: bool = False,
    show: bool = True,
) -> "Run":
    """Train a tagger, and write its bundle; a run that was stopped is continued.

    Args:
        config: The settings.
        data: Folder of features.
        out: Folder of the run.
        coordinator: Address of the first of several processes; `auto` finds it on TPU pods, Slurm
            and Open MPI.
        processes: Number of processes.
        process: Number of this process.
        overwrite: Replace the bundle of an earlier run in the folder.
        show: Whether to draw a progress line.

    Raises:
        FoleyError: The data are unusable, or the folder has a run with other settings.
    """
    import jax

    from data_pipeline.features.split import open_split
    from temporal_foley.effects import load_vocabulary
    from temporal_foley.models.compilation import enable_compilation_cache
    from temporal_foley.training.checkpoint import disk_errors_told

    if coordinator == "auto":
        jax.distributed.initialize()
    elif coordinator is not None:
        jax.distributed.initialize(coordinator, processes, process)
    enable_compilation_cache()
    vocabulary = load_vocabulary(config.vocabulary)
    # What is trained on may be chosen; all runs are validated on the same.
    splits = {
        split: open_split(data, split, datasets=chosen, still_frames=config.still_frames)
        for split, chosen in (("train", config.datasets), ("validation", ()))
    }
    with disk_errors_told(out):
        run, weights = train_tagger(
            config, vocabulary, splits["train"], splits["validation"], out, show=show
        )
        if run.finished and jax.process_index() == 0:
            write_results(config, out, vocabulary, splits, run, weights, overwrite=overwrite)
    return run


def train_tagger(
    config: "Config",
    vocabulary: "Vocabulary",
    train_data: "FeatureSplit",
    validation_data: "FeatureSplit | None",
    folder: Path | None,
    *,
    show: bool = True,
) -> tuple["Run", Any]:
    """Train a tagger on features; return the result of the run, and the best weights.

    Without validation data nothing is chosen: the last weights are the best. Without a folder
    nothing is saved on the way.
    """
    import jax

    from data_pipeline.features.measure import measure_split
    from data_pipeline.input.augment import mix_clips
    from data_pipeline.input.loader import InputConfig, make_plan, open_batches
    from temporal_foley.training.loop import train
    from temporal_foley.training.mesh import make_mesh
    from temporal_foley.training.optimizer import make_optimizer
    from temporal_foley.training.step import init_state, make_train_step
    from temporal_foley.training.tagging import (
        make_judge,
        make_loss_fn,
        make_tagger,
        weights_of_effects,
        with_input_scale,
    )
    from temporal_foley.training.validation import SCORE, make_evaluate

    if validation_data is not None:
        check_splits(vocabulary, train_data, validation_data)
    # Statistics of the data.
    measured = measure_split(train_data, vocabulary, seed=config.seed)
    shape = dataclasses.replace(
        config.tagger,
        effects=len(vocabulary),
        visual_features=len(measured.visual_mean),
        audio_features=len(measured.audio_mean),
    )

    # The model, and how it is updated.
    key = jax.random.key(config.seed)
    init_key, step_key = jax.random.split(key)
    graphdef, params, statistics = make_tagger(shape, init_key)
    statistics = with_input_scale(
        statistics,
        video=(measured.visual_mean, measured.visual_deviation),
        audio=(measured.audio_mean, measured.audio_deviation),
    )
    if shape.prior is not None:
        from temporal_foley.models.image.backbone import load_backbone
        from temporal_foley.models.imagenet_classes import class_weights
        from temporal_foley.models.tagging.class_prior import prior_statistics

        network = load_backbone(train_data.settings["backbone"]).network
        statistics["prior"] = {
            **statistics["prior"],
            **prior_statistics(network.params, class_weights(vocabulary)),
        }
    if shape.regression is not None:
        from data_pipeline.train.fit_regression import fit_regression

        statistics["regression"] = fit_regression(
            train_data, vocabulary, shape.regression, statistics.get("prior")
        )
    if shape.tag_prior is not None:
        from temporal_foley.models.tagging.tag_prior import tag_prior_statistics

        statistics["tag_prior"] = {
            **statistics["tag_prior"],
            **tag_prior_statistics([effect.audioset for effect in vocabulary.effects]),
        }
    tx = make_optimizer(config.optimizer, config.steps)
    state = init_state(params, statistics, tx, ema=config.ema_decay > 0)

    def mixed(key: Any, batch: Any) -> Any:
        return mix_clips(key, batch, probability=config.mix)

    augment = mixed if config.mix else None

    loss_fn = make_loss_fn(
        graphdef,
        config.loss,
        config.dropout,
        augment=augment,
        effect_weights=weights_of_effects(measured.positive_frames, config.loss.balance),
    )
    step_fn = make_train_step(loss_fn, tx, step_key, ema_decay=config.ema_decay)

    # The batches: number n of a seed is always the same.
    reading = InputConfig(
        batch_size=config.batch_size, lengths_frames=config.lengths_frames, seed=config.seed
    )
    epochs = -(-config.steps // make_plan(train_data, reading).batches_per_epoch)
    reading = dataclasses.replace(reading, epochs=epochs)
    process, processes = jax.process_index(), jax.process_count()

    def batches(first: int) -> Iterator[Any]:
        return open_batches(
            train_data, vocabulary, reading, first=first, process=process, processes=processes
        )

    judging = dataclasses.replace(
        reading, epochs=1, is_training=False, lengths_frames=(*config.lengths_frames, 320)
    )

    def evaluate_last(state: Any) -> Mapping[str, float]:
        return {SCORE: float(state.step)}

    # Every process evaluates all of the validation data, so that all choose the same state.
    evaluate = (
        evaluate_last
        if validation_data is None
        else make_evaluate(
            make_judge(graphdef), lambda: open_batches(validation_data, vocabulary, judging)
        )
    )
    mesh = make_mesh(config.mesh)
    outcome = train(
        folder,
        state=state,
        step_fn=step_fn,
        batches=batches,
        steps=config.steps,
        evaluate=evaluate,
        score=SCORE,
        config=config.loop,
        mesh=mesh,
        identity={
            "config": dataclasses.asdict(config),
            "data": train_data.facts(),
            "validation": None if validation_data is None else validation_data.facts(),
            "plan": make_plan(train_data, reading).digest,
        },
        show=show and process == 0,
    )
    chosen = outcome.best or outcome.state
    weights = chosen.params if chosen.ema is None else chosen.ema
    return outcome, (shape, graphdef, weights, chosen.statistics, measured)


def write_results(
    config: "Config",
    out: Path,
    vocabulary: "Vocabulary",
    data: Any,
    outcome: "Run",
    trained: Any,
    *,
    overwrite: bool,
) -> None:
    """Write the curves and the bundle of a finished run."""
    from fractions import Fraction

    import jax
    from flax import nnx

    from temporal_foley.effects import vocabulary_text
    from temporal_foley.models.bundle.bundle import Bundle, ModelInputs
    from temporal_foley.training.finish import finish_run

    shape, graphdef, params, statistics, measured = trained
    settings = data["train"].settings
    model = nnx.merge(graphdef, params, statistics)
    bundle = Bundle(
        name=config.name,
        vocabulary=vocabulary,
        vocabulary_text=vocabulary_text(config.vocabulary),
        inputs=ModelInputs(
            frame_rate=Fraction(settings["frame_rate"]),
            backbone=settings["backbone"],
            aspect=settings["aspect"],
            backbone_sha256=settings["weights"]["backbone"],
            listener=settings.get("listener") or "teacher",
            listener_sha256=settings["weights"].get("listener", ""),
        ),
        tagger=shape,
        weights=jax.device_get(nnx.to_pure_dict(nnx.split(model)[1])),
        training_info={
            "steps": int(outcome.state.step),
            "data": {split: part.facts() for split, part in data.items()},
            "validation": dict(outcome.scores),
            "examples": measured.table(vocabulary),
        },
        card=f"# {config.name}\n\nTrained by `train.py {config.name}`; not yet described.\n",
    )
    finish_run(out, out / "bundle", bundle, outcome, overwrite=overwrite)
