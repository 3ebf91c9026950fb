"""Train a tagger: `python train.py CONFIG --data FEATURES --out RUN`.

CONFIG is a file of `configs/`; FEATURES is a folder that `python -m data_pipeline features` filled
with the splits `train` and `validation`.
"""

import dataclasses
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.runner import run
from temporal_foley.errors import UsageError, leave

if TYPE_CHECKING:
    from data_pipeline.features.split import FeatureSplit
    from temporal_foley.effects import Vocabulary
    from temporal_foley.training.config import Config
    from temporal_foley.training.loop import Run

CONFIGS = tuple(sorted(path.stem for path in (Path(__file__).parent / "configs").glob("foley*.py")))
STOPPED = 143
"""Exit code of a run that a signal ended and that the same command continues."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """Train a tagger on cached features. The same command continues a run that was stopped.

    RUN gets checkpoints, log.jsonl, TensorBoard events, curves.png and, at the end, bundle/: the
    state that did best on the validation split. Every setting of the configuration is an option:

        python train.py foley20 --data FEATURES --out RUN --config.steps 500
    """

    name: Annotated[str, Arg(positional=True, metavar="CONFIG")]
    """Configuration: foley20, or another file of configs/."""
    data: Annotated[Path, Arg(metavar="FEATURES")]
    """Folder of features."""
    out: Annotated[Path, Arg(metavar="RUN", short="-o")]
    """Folder of the run."""
    coordinator: Annotated[str | None, Arg(metavar="HOST:PORT")] = None
    """To train in several processes: address of the first; each gets the same options. `auto`
    finds it on TPU pods, Slurm and Open MPI."""
    processes: int = 1
    """Number of processes."""
    process: int = 0
    """Number of this process."""
    overwrite: bool = False
    """Replace the bundle of an earlier run that ended here."""
    quiet: bool = False
    """Do not show progress."""
    config: Any
    """The configuration."""

    def run(self, console: Console) -> int:
        """Train, and write the bundle."""
        from temporal_foley.training.checkpoint import disk_errors_told

        with disk_errors_told(self.out):
            return train_bundle(self, console)


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    argv = [word for given in argv for word in _new_spelling(given)]
    # The configuration has to be loaded first: its settings are options.
    name = next((word for word in argv[:1] if not word.startswith("-")), CONFIGS[0])
    if name not in CONFIGS:
        error = UsageError.unknown("configuration", name, CONFIGS)
        Console().error(error)
        return error.exit_code
    config = importlib.import_module(f"configs.{name}").config()
    return run("train.py", Train, argv, {"config": config})


def _new_spelling(word: str) -> tuple[str, ...]:
    """Return `--config.tagger.prior none` for the old `config.tagger.prior:none`."""
    name, _, value = word.partition(":")
    if not name.startswith("config.") or value != "none":
        return (word,)
    Console().note(f"{word} is now --{name} none")
    return (f"--{name}", "none")


def train_bundle(options: Train, console: Console) -> int:
    """Train, and write the bundle; returns the exit code."""
    import jax

    from data_pipeline.features.split import open_split
    from temporal_foley.effects import load_vocabulary
    from temporal_foley.models.compilation import enable_compilation_cache

    if options.coordinator == "auto":
        jax.distributed.initialize()
    elif options.coordinator is not None:
        jax.distributed.initialize(options.coordinator, options.processes, options.process)
    enable_compilation_cache()
    config = options.config
    vocabulary = load_vocabulary(config.vocabulary)
    # The training data can be chosen; all runs are evaluated on the same data.
    data = {
        split: open_split(options.data, split, datasets=chosen, still_frames=config.still_frames)
        for split, chosen in (("train", config.datasets), ("validation", ()))
    }
    outcome, weights = train_tagger(
        config, vocabulary, data["train"], data["validation"], options.out, show=not options.quiet
    )
    if not outcome.finished:
        step = int(outcome.state.step)
        console.print(f"stopped and saved at step {step}; the same command continues the run")
        return STOPPED
    if jax.process_index() == 0:
        write_results(options, vocabulary, data, outcome, weights)
    return 0


def train_tagger(
    config: "Config",
    vocabulary: "Vocabulary",
    train_data: "FeatureSplit",
    validation_data: "FeatureSplit",
    folder: Path,
    *,
    show: bool = True,
) -> tuple["Run", Any]:
    """Train a tagger on features; return the result of the run, and the best weights."""
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
    if shape.tag_prior is not None:
        from temporal_foley.models.tagging.tag_prior import tag_prior_statistics

        statistics["tag_prior"] = {
            **statistics["tag_prior"],
            **tag_prior_statistics([effect.audioset for effect in vocabulary.effects]),
        }
    tx = make_optimizer(config.optimizer, config.steps)
    state = init_state(params, statistics, tx, ema=config.ema_decay > 0)
    augment = None
    if config.mix:

        def augment(key: Any, batch: Any) -> Any:
            return mix_clips(key, batch, probability=config.mix)

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

    def validation_batches() -> Iterator[Any]:
        # Every process evaluates all of it, so that all choose the same state.
        return open_batches(validation_data, vocabulary, judging)

    mesh = make_mesh(config.mesh)
    outcome = train(
        folder,
        state=state,
        step_fn=step_fn,
        batches=batches,
        steps=config.steps,
        evaluate=make_evaluate(make_judge(graphdef), validation_batches),
        score=SCORE,
        config=config.loop,
        mesh=mesh,
        identity={
            "config": dataclasses.asdict(config),
            "data": train_data.facts(),
            "validation": validation_data.facts(),
            "plan": make_plan(train_data, reading).digest,
        },
        show=show and process == 0,
    )
    chosen = outcome.best or outcome.state
    weights = chosen.params if chosen.ema is None else chosen.ema
    return outcome, (shape, graphdef, weights, chosen.statistics, measured)


def write_results(
    options: Train, vocabulary: "Vocabulary", data: Any, outcome: "Run", trained: Any
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
    config = options.config
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
    finish_run(options.out, options.out / "bundle", bundle, outcome, overwrite=options.overwrite)


if __name__ == "__main__":
    # Not sys.exit: it would wait twenty minutes for parts of a failed checkpoint.
    leave(main(sys.argv[1:]))
