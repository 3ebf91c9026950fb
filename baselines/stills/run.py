"""A configuration of report 000 in; a trained model, its log, figures and drawings out."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Key, PyTree

from baselines.stills.classifier import (
    SplitClassifier,
    apply_top,
    make_classifier,
)
from baselines.stills.conclusion import Stills, judge, open_data, save_weights, write_results
from baselines.stills.config import Run, ScratchConfig, TransferConfig, claim_folder
from baselines.stills.input import (
    Batch,
    PictureInputConfig,
    StillPictures,
    augment_batch,
    make_plan,
    open_batches,
)
from baselines.stills.losses import (
    make_fine_tuning_loss,
    make_scratch_loss,
    make_small_resnet,
    top_loss,
)
from baselines.stills.phases import Logits, Phase, read_checks, train_phase, with_checks
from baselines.stills.results import Check
from data_pipeline.input.batch_plan import BatchPlan
from temporal_foley.cli.console import Console
from temporal_foley.files.run_record import Progress
from temporal_foley.models.compilation import enable_compilation_cache
from temporal_foley.models.image.backbone import Backbone, load_backbone
from temporal_foley.training.checkpoint import Checkpoints
from temporal_foley.training.log import TrainLog
from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
from temporal_foley.training.step import Step, TrainState, init_state, make_train_step

Forward = Callable[[TrainState, Array], Array]


def run_scratch(config: ScratchConfig) -> str:
    """Train a small ResNetV2 from nothing; return the table."""
    enable_compilation_cache()
    stills = open_data(config)
    claim_folder(config)
    init_key, step_key = jax.random.split(jax.random.key(config.seed))
    graphdef, params, statistics = make_small_resnet(
        config.network, len(stills.train.names), init_key
    )
    tx = _adam(config.learning_rate)
    loss_fn = make_scratch_loss(graphdef, _augment(config), kernel_l2=config.kernel_l2)
    forward = _forward(graphdef)
    step = make_train_step(loss_fn, tx, step_key)
    phase = _picture_phase(config, stills, "scratch", step, forward, config.epochs)
    state = init_state(params, statistics, tx)
    with (
        Console().progress("report 000, scratch") as progress,
        Checkpoints(config.out / "checkpoints") as checkpoints,
    ):
        state, notes = checkpoints.restore_last(state) or (state, {"checks": []})
        checkpoints.go_on_from(int(state.step))
        with contextlib.closing(TrainLog(config.out, first_step=int(state.step))) as log:
            state, checks = train_phase(
                phase, state, log, progress, checks=read_checks(notes), checkpoints=checkpoints
            )
    logits = _all_logits(forward, state, stills.test, config)
    weights = {"params": state.params, "statistics": state.statistics}
    save_weights(config.out / "model.safetensors", weights)
    return write_results(config.out, "scratch", stills, logits, checks)


def run_transfer(config: TransferConfig) -> str:
    """Train a new top on a backbone, then all of it; return the table."""
    backbone = load_backbone(config.backbone, aspect=config.aspect, weights=config.weights)
    stills = open_data(config)
    claim_folder(config)
    top_key, view_key, frozen_key, tuning_key = jax.random.split(jax.random.key(config.seed), 4)
    classifier = make_classifier(backbone.network, len(stills.train.names), key=top_key)
    tx = _adam(config.fine_tune_learning_rate)
    forward = _forward(classifier.graphdef)
    loss_fn = make_fine_tuning_loss(classifier.graphdef, _augment(config))
    phase = _picture_phase(
        config,
        stills,
        "fine_tuning",
        make_train_step(loss_fn, tx, tuning_key),
        forward,
        config.epochs - config.freeze_epochs,
        epochs_before=config.freeze_epochs,
    )
    done = config.freeze_epochs * phase.batches_per_epoch
    with (
        Console().progress("report 000, transfer") as progress,
        Checkpoints(config.out / "checkpoints") as checkpoints,
    ):
        state = init_state(classifier.params, classifier.idle, tx)
        found = checkpoints.restore_last(state)
        checkpoints.go_on_from(0 if found is None else int(found[0].step))
        first_step = 0 if found is None else done + int(found[0].step)
        with contextlib.closing(TrainLog(config.out, first_step=first_step)) as log:
            if found is None:
                keys = (view_key, frozen_key)
                top, checks = _train_top(config, stills, backbone, classifier, keys, log, progress)
                state = init_state({**classifier.params, "top": top}, classifier.idle, tx)
                _, before = judge(_all_logits(forward, state, stills.test, config), stills)
                notes = with_checks({"before": before}, checks)
                checkpoints.save_last(state, notes)
            else:
                state, notes = found
            state, checks = train_phase(
                phase,
                state,
                log,
                progress,
                checks=read_checks(notes),
                checkpoints=checkpoints,
                notes=notes,
            )
    logits = _all_logits(forward, state, stills.test, config)
    save_weights(config.out / "model.safetensors", {"params": state.params})
    return write_results(config.out, "transfer", stills, logits, checks, before=notes["before"])


def _train_top(
    config: TransferConfig,
    stills: Stills,
    backbone: Backbone,
    classifier: SplitClassifier,
    keys: tuple[Key[Array, ""], Key[Array, ""]],
    log: TrainLog,
    progress: Progress,
) -> tuple[PyTree[Array], list[Check]]:
    """Train the top on what the frozen backbone saw in each view."""

    def look_once(pictures: StillPictures, view: int) -> Float[np.ndarray, "pictures features"]:
        key = jax.random.fold_in(keys[0], view)
        return _look_once(backbone, pictures, config, key, view, progress)

    views = [look_once(stills.train, view) for view in range(config.views)]
    seen = look_once(stills.validation, 0)
    plan = make_plan(stills.train, _input(config, epochs=config.freeze_epochs))
    tx = _adam(config.learning_rate)
    phase = Phase(
        name="frozen",
        step=make_train_step(top_loss, tx, keys[1]),
        open_batches=lambda first: feature_batches(plan, views, stills.train.classes, first),
        look=lambda state: np.asarray(apply_top(state.params, seen)),
        validation_classes=stills.validation.classes,
        batches_per_epoch=plan.batches_per_epoch,
        epochs=config.freeze_epochs,
    )
    # A copy: a step gives its input's memory away.
    top = jax.tree.map(jnp.copy, classifier.params["top"])
    state, checks = train_phase(phase, init_state(top, {}, tx), log, progress)
    return state.params, checks


def _look_once(
    backbone: Backbone,
    pictures: StillPictures,
    config: Run,
    key: Key[Array, ""],
    view: int,
    progress: Progress,
) -> Float[np.ndarray, "pictures features"]:
    """Return the features of all pictures, in their order, augmented unless it is view 0."""
    augment = jax.jit(augment_batch) if view and config.augment else None
    features = []
    for number, batch in enumerate(open_batches(pictures, _input(config, is_training=False))):
        images = batch["images"]
        if augment is not None:
            images = np.asarray(augment(jax.random.fold_in(key, number), images))
        features.append(backbone(images).features[batch["is_real"]])
        progress(f"looking, view {view + 1}", (number + 1) * len(images) / len(pictures))
    return np.concatenate(features)


def feature_batches(
    plan: BatchPlan,
    views: list[Float[np.ndarray, "pictures features"]],
    classes: np.ndarray,
    first: int = 0,
) -> Iterator[Batch]:
    """Yield batches of features from number `first` on; epochs take turns with the views."""
    for content in (plan[number] for number in range(first, len(plan))):
        chosen = [window.record for window in content.windows]
        missing = plan.batch_size - len(chosen)
        view = views[content.epoch % len(views)]
        yield {
            "features": np.pad(view[chosen], ((0, missing), (0, 0))),
            "classes": np.pad(classes[chosen], (0, missing)),
            "is_real": np.arange(plan.batch_size) < len(chosen),
        }


def _picture_phase(
    config: Run,
    stills: Stills,
    name: str,
    step: Step,
    forward: Forward,
    epochs: int,
    *,
    epochs_before: int = 0,
) -> Phase:
    """Describe a phase on pictures."""
    # A seed of its own, so that fine-tuning does not begin with the batches of the frozen phase.
    settings = _input(config, epochs=max(1, epochs), seed=config.seed + epochs_before)

    def open_from(first: int) -> Iterable[Batch]:
        return open_batches(stills.train, settings, first=first) if epochs else ()

    return Phase(
        name=name,
        step=step,
        open_batches=open_from,
        look=lambda state: _all_logits(forward, state, stills.validation, config),
        validation_classes=stills.validation.classes,
        batches_per_epoch=make_plan(stills.train, settings).batches_per_epoch,
        epochs=epochs,
        epochs_before=epochs_before,
        checks_per_epoch=config.checks_per_epoch,
    )


def _forward(graphdef: nnx.GraphDef) -> Forward:
    def forward(state: TrainState, images: Array) -> Array:
        return nnx.merge(graphdef, state.params, state.statistics)(images)

    return jax.jit(forward)


def _all_logits(
    forward: Forward, state: TrainState, pictures: StillPictures, config: Run
) -> Logits:
    parts = [
        np.asarray(forward(state, batch["images"]))[batch["is_real"]]
        for batch in open_batches(pictures, _input(config, is_training=False))
    ]
    return np.concatenate(parts)


def _input(
    config: Run, *, epochs: int = 1, is_training: bool = True, seed: int | None = None
) -> PictureInputConfig:
    return PictureInputConfig(
        size_px=config.size_px,
        aspect=config.aspect,
        batch_size=config.batch_size,
        epochs=epochs,
        seed=config.seed if seed is None else seed,
        is_training=is_training,
    )


def _augment(config: Run) -> Callable[[Key[Array, ""], Array], Array] | None:
    return augment_batch if config.augment else None


def _adam(learning_rate: float) -> optax.GradientTransformation:
    """Return plain Adam, the report's, at one rate."""
    config = OptimizerConfig(
        learning_rate=learning_rate, warmup_steps=0, decay="none", weight_decay=0.0, clip_norm=0.0
    )
    return make_optimizer(config, steps=1)
