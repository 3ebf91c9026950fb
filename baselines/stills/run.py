"""Train and evaluate the two image classifiers of the stills baseline."""

from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key, PyTree

from baselines.stills.classifier import SplitClassifier, apply_top, make_classifier
from baselines.stills.conclusion import (
    Stills,
    judge,
    open_data,
    save_weights,
    write_results,
)
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
from baselines.stills.phases import Logits, Phase, train_phase
from data_pipeline.input.batch_plan import BatchPlan
from temporal_foley.models.compilation import enable_compilation_cache
from temporal_foley.models.image.backbone import Backbone, load_backbone
from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
from temporal_foley.training.step import Step, TrainState, init_state, make_train_step

Forward = Callable[[TrainState, Array | np.ndarray], Array]
Features = Float[np.ndarray, "pictures features"]


def run_scratch(config: ScratchConfig) -> str:
    """Train a small ResNetV2 from scratch; return the table."""
    enable_compilation_cache()
    stills = open_data(config)
    identity = claim_folder(config)
    init_key, step_key = jax.random.split(jax.random.key(config.seed))
    graphdef, params, statistics = make_small_resnet(
        config.network, len(stills.train.names), init_key
    )
    tx = plain_adam(config.learning_rate)
    loss_fn = make_scratch_loss(graphdef, _augment(config), kernel_l2=config.kernel_l2)
    forward = _forward(graphdef)
    step = make_train_step(loss_fn, tx, step_key)
    phase = _picture_phase(config, stills, "scratch", step, forward, config.epochs)
    state = init_state(params, statistics, tx)
    state, checks = train_phase(phase, state, config.out / phase.name, identity)
    logits = _all_logits(forward, state, stills.test, config)
    weights = {"params": state.params, "statistics": state.statistics}
    save_weights(config.out / "model.safetensors", weights)
    return write_results(config.out, "scratch", stills, logits, checks)


def run_transfer(config: TransferConfig) -> str:
    """Train a new top on a backbone, then all of it; return the table."""
    backbone = load_backbone(config.backbone, aspect=config.aspect, weights=config.weights)
    stills = open_data(config)
    identity = claim_folder(config)
    keys = jax.random.split(jax.random.key(config.seed), 4)
    classifier = make_classifier(backbone.network, len(stills.train.names), key=keys[0])
    forward = _forward(classifier.graphdef)

    # The top alone, on features of the frozen backbone.
    frozen, state = _top_phase(config, stills, backbone, classifier, (keys[1], keys[2]))
    top, checks = train_phase(frozen, state, config.out / frozen.name, identity)
    tx = plain_adam(config.fine_tune_learning_rate)
    state = init_state({**classifier.params, "top": top.params}, classifier.idle, tx)
    _, before = judge(_all_logits(forward, state, stills.test, config), stills)

    # All of it.
    tuned_epochs = config.epochs - config.freeze_epochs
    if tuned_epochs:
        loss_fn = make_fine_tuning_loss(classifier.graphdef, _augment(config))
        step = make_train_step(loss_fn, tx, keys[3])
        phase = _picture_phase(
            config,
            stills,
            "fine_tuning",
            step,
            forward,
            tuned_epochs,
            epochs_before=config.freeze_epochs,
        )
        state, more = train_phase(phase, state, config.out / phase.name, identity)
        checks = [*checks, *more]
    logits = _all_logits(forward, state, stills.test, config)
    save_weights(config.out / "model.safetensors", {"params": state.params})
    return write_results(config.out, "transfer", stills, logits, checks, before=before)


def _top_phase(
    config: TransferConfig,
    stills: Stills,
    backbone: Backbone,
    classifier: SplitClassifier,
    keys: tuple[Key[Array, ""], Key[Array, ""]],
) -> tuple[Phase, TrainState]:
    """Describe the frozen phase; features are computed when it first needs them."""

    def features(pictures: StillPictures, view: int) -> Features:
        key = jax.random.fold_in(keys[0], view)
        return _picture_features(backbone, pictures, config, key, view)

    plan = make_plan(stills.train, _input(config, epochs=config.freeze_epochs))
    seen: list[Features] = []

    def batches(first: int) -> Iterator[Batch]:
        views = [features(stills.train, view) for view in range(config.views)]
        yield from feature_batches(plan, views, stills.train.classes, first)

    def logits(state: TrainState) -> Logits:
        if not seen:
            seen.append(features(stills.validation, 0))
        return np.asarray(apply_top(state.params, seen[0]))

    return top_phase(
        plan,
        batches,
        logits,
        stills.validation.classes,
        # A copy: a step gives its input's memory away.
        top=jax.tree.map(jnp.copy, classifier.params["top"]),
        learning_rate=config.learning_rate,
        key=keys[1],
    )


def top_phase(
    plan: BatchPlan,
    batches: Callable[[int], Iterator[Batch]],
    logits: Callable[[TrainState], Logits],
    validation_classes: Int[np.ndarray, " pictures"],
    *,
    top: PyTree[Array],
    learning_rate: float,
    key: Key[Array, ""],
) -> tuple[Phase, TrainState]:
    """Describe the training of a top on features, and its first state."""
    tx = plain_adam(learning_rate)
    phase = Phase(
        name="frozen",
        step=make_train_step(top_loss, tx, key),
        open_batches=batches,
        logits=logits,
        validation_classes=validation_classes,
        batches_per_epoch=plan.batches_per_epoch,
        epochs=len(plan) // plan.batches_per_epoch,
    )
    return phase, init_state(top, {}, tx)


def _picture_features(
    backbone: Backbone, pictures: StillPictures, config: Run, key: Key[Array, ""], view: int
) -> Features:
    """Return the features of all pictures, in their order, augmented unless it is view 0."""
    augment = jax.jit(augment_batch) if view and config.augment else None
    features = []
    for number, batch in enumerate(open_batches(pictures, _input(config, is_training=False))):
        images = batch["images"]
        if augment is not None:
            images = np.asarray(augment(jax.random.fold_in(key, number), images))
        features.append(backbone(images).features[batch["is_real"]])
    return np.concatenate(features)


def feature_batches(
    plan: BatchPlan,
    views: Sequence[Features],
    classes: Int[np.ndarray, " pictures"],
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
    # Its own seed, so that fine-tuning does not begin with the batches of the frozen phase.
    settings = _input(config, epochs=epochs, seed=config.seed + epochs_before)

    def batches(first: int) -> Iterator[Batch]:
        for batch in open_batches(stills.train, settings, first=first):
            yield {name: array for name, array in batch.items() if name != "picture"}

    return Phase(
        name=name,
        step=step,
        open_batches=batches,
        logits=lambda state: _all_logits(forward, state, stills.validation, config),
        validation_classes=stills.validation.classes,
        batches_per_epoch=make_plan(stills.train, settings).batches_per_epoch,
        epochs=epochs,
        epochs_before=epochs_before,
        checks_per_epoch=config.checks_per_epoch,
    )


def _forward(graphdef: nnx.GraphDef) -> Forward:
    def forward(state: TrainState, images: Array | np.ndarray) -> Array:
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


def plain_adam(learning_rate: float) -> optax.GradientTransformation:
    """Return plain Adam, the report's, at one rate."""
    config = OptimizerConfig(
        learning_rate=learning_rate, warmup_steps=0, decay="none", weight_decay=0.0, clip_norm=0.0
    )
    return make_optimizer(config, steps=1)
