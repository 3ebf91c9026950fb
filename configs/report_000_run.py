"""A configuration of report 000 in; a trained model, its log, figures and drawings out."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx, traverse_util
from jaxtyping import Array, Float, Key, PyTree
from safetensors.numpy import save_file

from configs.report_000 import Run, Scratch, Transfer, write_settings
from configs.report_000_results import (
    Check,
    draw_confusion,
    draw_curve,
    draw_roc,
    find_dip,
    measure,
    write_table,
)
from data_pipeline.batch_plan import BatchPlan
from data_pipeline.built import open_splits
from data_pipeline.picture_input import (
    Batch,
    PictureInputConfig,
    StillPictures,
    augment_batch,
    make_plan,
    open_batches,
    open_stills,
)
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError
from temporal_foley.models.compilation import enable_compilation_cache
from temporal_foley.models.image.backbone import Backbone, load_backbone
from temporal_foley.models.picture_classifier import apply_top, make_classifier
from temporal_foley.progress import show_progress
from temporal_foley.session.run_record import Progress
from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
from temporal_foley.training.picturing import (
    make_fine_tuning_loss,
    make_scratch_loss,
    make_small_resnet,
    top_loss,
)
from temporal_foley.training.step import Measured, Step, TrainState, init_state, make_train_step

Logits = Float[np.ndarray, "pictures classes"]
Look = Callable[[TrainState], Logits]
"""A state to the logits of all validation pictures."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stills:
    """The pictures of a run."""

    train: StillPictures
    validation: StillPictures
    test: StillPictures
    effects: int


def open_data(config: Run) -> Stills:
    """Open the splits; without one for validation that is done on the test pictures."""
    vocabulary = load_vocabulary(config.vocabulary)
    # The report's 20 % are held out once, for both.
    validation = "validation" if "validation" in open_splits(config.data) else "test"
    train, validation, test = (
        open_stills(config.data, split, vocabulary, has_other=config.other)
        for split in ("train", validation, "test")
    )
    return Stills(train=train, validation=validation, test=test, effects=len(vocabulary))


def run_scratch(config: Scratch) -> str:
    """Train a small ResNetV2 from nothing; return the table."""
    enable_compilation_cache()
    stills = open_data(config)
    write_settings(config)
    init_key, step_key = jax.random.split(jax.random.key(config.seed))
    classes = len(stills.train.names)
    graphdef, params, statistics = make_small_resnet(config.network, classes, init_key)
    loss_fn = make_scratch_loss(graphdef, _augment(config), kernel_l2=config.kernel_l2)
    tx = _adam(config.learning_rate)
    state = init_state(params, statistics, tx)
    forward = jax.jit(lambda state, images: nnx.merge(graphdef, *state[1:3])(images))
    with show_progress("report 000, scratch") as progress:
        state, checks = _train(
            state,
            make_train_step(loss_fn, tx, step_key),
            open_batches(stills.train, _input(config, epochs=config.epochs)),
            look=lambda state: _all_logits(forward, state, stills.validation, config),
            stills=stills,
            config=config,
            phase="scratch",
            batches_per_epoch=make_plan(stills.train, _input(config)).batches_per_epoch,
            progress=progress,
        )
    logits = _all_logits(forward, state, stills.test, config)
    weights = {"params": state.params, "statistics": state.statistics}
    _save_weights(config.out / "model.safetensors", weights)
    return _conclude(config, stills, logits, checks)


def run_transfer(config: Transfer) -> str:
    """Train a new top on a backbone, then all of it; return the table."""
    backbone = load_backbone(config.backbone, aspect=config.aspect, weights=config.weights)
    stills = open_data(config)
    write_settings(config)
    top_key, view_key, frozen_key, tuning_key = jax.random.split(jax.random.key(config.seed), 4)
    classifier = make_classifier(backbone.network, len(stills.train.names), key=top_key)
    with show_progress("report 000, transfer") as progress:
        top, checks = _train_top(
            config, stills, backbone, classifier.params["top"], (view_key, frozen_key), progress
        )
        loss_fn = make_fine_tuning_loss(classifier.graphdef, _augment(config))
        tx = _adam(config.fine_tune_learning_rate)
        params = {**classifier.params, "top": top}
        state = init_state(params, classifier.idle, tx)
        forward = jax.jit(lambda state, images: nnx.merge(classifier.graphdef, *state[1:3])(images))
        frozen_logits = _all_logits(forward, state, stills.test, config)
        epochs = config.epochs - config.freeze_epochs
        if epochs:
            batches_per_epoch = make_plan(stills.train, _input(config)).batches_per_epoch
            state, tuned = _train(
                state,
                make_train_step(loss_fn, tx, tuning_key),
                open_batches(stills.train, _input(config, epochs=epochs, seed=config.seed + 1)),
                look=lambda state: _all_logits(forward, state, stills.validation, config),
                stills=stills,
                config=config,
                phase="fine_tuning",
                batches_per_epoch=batches_per_epoch,
                progress=progress,
                epochs_before=config.freeze_epochs,
            )
            checks += tuned
    logits = _all_logits(forward, state, stills.test, config)
    _save_weights(config.out / "model.safetensors", {"params": state.params})
    return _conclude(config, stills, logits, checks, frozen_logits)


def _train_top(
    config: Transfer,
    stills: Stills,
    backbone: Backbone,
    top: PyTree[Array],
    keys: tuple[Key[Array, ""], Key[Array, ""]],
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
    state, checks = _train(
        init_state(jax.tree.map(jnp.copy, top), {}, tx),
        make_train_step(top_loss, tx, keys[1]),
        _feature_batches(plan, views, stills.train.classes),
        look=lambda state: np.asarray(apply_top(state.params, seen)),
        stills=stills,
        config=dataclasses.replace(config, checks_per_epoch=1),
        phase="frozen",
        batches_per_epoch=plan.batches_per_epoch,
        progress=progress,
    )
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
    plain = _input(config, is_training=False)
    for number, batch in enumerate(open_batches(pictures, plain)):
        images = batch["images"]
        if augment is not None:
            images = np.asarray(augment(jax.random.fold_in(key, number), images))
        features.append(backbone(images).features[batch["is_real"]])
        progress(f"looking, view {view + 1}", (number + 1) * len(images) / len(pictures))
    return np.concatenate(features)


def _feature_batches(
    plan: BatchPlan, views: list[Float[np.ndarray, "pictures features"]], classes: np.ndarray
) -> Iterator[Batch]:
    for content in (plan[number] for number in range(len(plan))):
        chosen = [window.record for window in content.windows]
        missing = plan.batch_size - len(chosen)
        view = views[content.epoch % len(views)]
        yield {
            "features": np.pad(view[chosen], ((0, missing), (0, 0))),
            "classes": np.pad(classes[chosen], (0, missing)),
            "is_real": np.arange(plan.batch_size) < len(chosen),
        }


def _train(
    state: TrainState,
    step: Step,
    batches: Iterable[Batch],
    *,
    look: Look,
    stills: Stills,
    config: Run,
    phase: str,
    batches_per_epoch: int,
    progress: Progress,
    epochs_before: int = 0,
) -> tuple[TrainState, list[Check]]:
    """Step through all batches; check after each part of an epoch and write it to the log."""
    checks: list[Check] = []
    since: list[Measured] = []
    every = max(1, batches_per_epoch // config.checks_per_epoch)
    epochs = config.epochs if phase != "frozen" else getattr(config, "freeze_epochs", 1)
    total = batches_per_epoch * (epochs - epochs_before)
    for number, batch in enumerate(batches, start=1):
        arrays = {name: array for name, array in batch.items() if name != "picture"}
        state, measured = step(state, arrays)
        since.append(measured)
        within = (number - 1) % batches_per_epoch + 1
        if within != batches_per_epoch and (within % every or batches_per_epoch - within < every):
            continue
        progress(phase.replace("_", " "), number / total)
        loss = float(np.mean([float(m["class_loss"]) for m in since]))
        if not np.isfinite(loss):
            raise FoleyError(f"the loss is no number any more at step {int(state.step)} of {phase}")
        check = _check(
            look(state),
            stills.validation,
            phase,
            epochs_before,
            number,
            since,
            loss,
            batches_per_epoch,
        )
        checks.append(check)
        with (config.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(check)) + "\n")
        since = []
    return state, checks


def _check(
    logits: Logits,
    validation: StillPictures,
    phase: str,
    epochs_before: int,
    number: int,
    since: list[Measured],
    loss: float,
    batches_per_epoch: int,
) -> Check:
    own = optax.softmax_cross_entropy_with_integer_labels(
        jnp.asarray(logits), jnp.asarray(validation.classes)
    )
    return Check(
        epoch=epochs_before + number / batches_per_epoch,
        phase=phase,
        train_loss=loss,
        train_accuracy=float(np.mean([float(m["accuracy"]) for m in since])),
        validation_loss=float(own.mean()),
        validation_accuracy=float((logits.argmax(axis=1) == validation.classes).mean()),
    )


def _all_logits(
    forward: Callable, state: TrainState, pictures: StillPictures, config: Run
) -> Logits:
    parts = [
        np.asarray(forward(state, batch["images"]))[batch["is_real"]]
        for batch in open_batches(pictures, _input(config, is_training=False))
    ]
    return np.concatenate(parts)


def _conclude(
    config: Run,
    stills: Stills,
    logits: Logits,
    checks: list[Check],
    frozen_logits: Logits | None = None,
) -> str:
    """Write figures and drawings of the test pictures; return the table."""
    names, model = stills.test.names, type(config).__name__.lower()

    def judge(logits: Logits) -> tuple[np.ndarray, dict[str, Any]]:
        probabilities = np.asarray(jax.nn.softmax(jnp.asarray(logits), axis=1))
        return probabilities, measure(probabilities, stills.test.classes, names, stills.effects)

    probabilities, measured = judge(logits)
    dip = find_dip(checks)
    document = {
        "schema": 1,
        "model": model,
        "test": measured,
        "train_pictures": dict(zip(names, stills.train.counts.tolist(), strict=True)),
        "left_out": {"train": dict(stills.train.left_out), "test": dict(stills.test.left_out)},
        "dip": dip,
    }
    if frozen_logits is not None:
        document["test_before_fine_tuning"] = judge(frozen_logits)[1]
    text = json.dumps(document, indent=1) + "\n"
    (config.out / "metrics.json").write_text(text, "utf-8")
    draw_confusion(config.out / "confusion.png", measured, names)
    draw_curve(config.out / "curve.png", checks, dip)
    if measured["any_effect_auc"] is not None:
        draw_roc(
            config.out / "roc.png", probabilities, stills.test.classes, measured["any_effect_auc"]
        )
    table = write_table(model, measured)
    (config.out / "table.txt").write_text(table, "utf-8")
    return table


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


def _augment(config: Run) -> Callable | None:
    return augment_batch if config.augment else None


def _adam(learning_rate: float) -> optax.GradientTransformation:
    """Return plain Adam, the report's, at one rate."""
    config = OptimizerConfig(
        learning_rate=learning_rate, warmup_steps=0, decay="none", weight_decay=0.0, clip_norm=0.0
    )
    return make_optimizer(config, steps=1)


def _save_weights(path: Path, params: PyTree[Array]) -> None:
    def named(tree: Any) -> Any:
        return {str(k): named(v) for k, v in tree.items()} if isinstance(tree, dict) else tree

    flat = traverse_util.flatten_dict(named(params), sep="/")
    unfinished = path.with_suffix(".part")
    save_file({name: np.ascontiguousarray(leaf) for name, leaf in flat.items()}, unfinished)
    unfinished.replace(path)
