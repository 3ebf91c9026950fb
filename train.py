"""Train a tagger: `python train.py CONFIG --data FEATURES --out RUN`. Goes on where it stopped.

CONFIG is a file of `configs/`; FEATURES a folder that `python -m data_pipeline.features.command`
has filled
with the splits `train` and `validation`. Any setting of the configuration is a flag:

    python train.py foley20 --data FEATURES --out RUN --config.steps 500 \
        --config.tagger.recurrent.cell lstm

`python train.py CONFIG --help` lists them. RUN gets checkpoints, `log.jsonl`, TensorBoard events,
`curves.png` and, at the end, `bundle/`: the state that did best on the validation split.

Several processes train together, each with the same words and --coordinator HOST:PORT, --processes
N, --process I.
"""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_pipeline.features.split import FeatureSplit
    from temporal_foley.effects import Vocabulary
    from temporal_foley.training.config import Config
    from temporal_foley.training.loop import Run

CONFIGS = Path(__file__).parent / "configs"
STOPPED = 143
"""Exit code of a run that a signal ended and that can go on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Words:
    """What the command line says."""

    data: Path
    """Folder of features."""
    out: Path
    """Folder of the run."""
    config: Any
    coordinator: str | None = None
    """Address of the first of several processes."""
    processes: int = 1
    process: int = 0
    overwrite: bool = False
    """Replace the bundle of an earlier run that ended here."""
    quiet: bool = False


def main(argv: list[str]) -> int:
    """Run the command; return its exit code."""
    names = sorted(path.stem for path in CONFIGS.glob("foley*.py"))
    if not argv or argv[0] in ("-h", "--help"):
        print(f"{__doc__}\nCONFIG: {', '.join(names)}")
        return 0 if argv else 2
    name = argv[0]
    if name not in names:
        print(f"error: unknown config {name!r}; known are {', '.join(names)}", file=sys.stderr)
        return 2
    # Here and not above: help must not wait for jax.
    import importlib

    import tyro

    from temporal_foley.errors import FoleyError

    default = importlib.import_module(f"configs.{name}").config()
    kind = dataclasses.make_dataclass(
        "Words", [("config", type(default), default)], bases=(Words,), frozen=True, kw_only=True
    )
    words = tyro.cli(kind, args=argv[1:], prog=f"train.py {name}", description=__doc__)
    from temporal_foley.training.checkpoint import disk_errors_told

    try:
        with disk_errors_told(words.out):
            return run(words)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def run(words: Words) -> int:
    """Train, and write the bundle."""
    import jax

    from data_pipeline.features.split import open_split
    from temporal_foley.effects import load_vocabulary
    from temporal_foley.models.compilation import enable_compilation_cache

    if words.coordinator is not None:
        jax.distributed.initialize(words.coordinator, words.processes, words.process)
    enable_compilation_cache()
    config = words.config
    vocabulary = load_vocabulary(config.vocabulary)
    # What is trained on may be chosen; all runs are judged on the same.
    data = {
        split: open_split(words.data, split, datasets=chosen, still_frames=config.still_frames)
        for split, chosen in (("train", config.datasets), ("validation", ()))
    }
    outcome, weights = train_tagger(
        config, vocabulary, data["train"], data["validation"], words.out, show=not words.quiet
    )
    if not outcome.finished:
        print(f"stopped and saved at step {int(outcome.state.step)}; the same command goes on")
        return STOPPED
    if jax.process_index() == 0:
        write_results(words, vocabulary, data, outcome, weights)
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
    """Train a tagger on features; return what became of the run, and the best weights."""
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

    # What the data are like.
    measured = measure_split(train_data, vocabulary, seed=config.seed)
    shape = dataclasses.replace(
        config.tagger,
        effects=len(vocabulary),
        visual_features=len(measured.visual_mean),
        audio_features=len(measured.audio_mean),
    )

    # The model, and what changes it.
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
        # Every process judges all of it, so that all choose the same.
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
    learnt = chosen.params if chosen.ema is None else chosen.ema
    return outcome, (shape, graphdef, learnt, chosen.statistics, measured)


def write_results(
    words: Words, vocabulary: "Vocabulary", data: Any, outcome: "Run", trained: Any
) -> None:
    """Write the curves and the bundle of a finished run."""
    from fractions import Fraction

    import jax
    from flax import nnx

    from temporal_foley.effects import vocabulary_text
    from temporal_foley.models.bundle.bundle import Bundle, Senses, save_bundle
    from temporal_foley.training.log import draw_curves

    shape, graphdef, params, statistics, measured = trained
    settings = data["train"].settings
    model = nnx.merge(graphdef, params, statistics)
    weights = jax.device_get(nnx.to_pure_dict(nnx.split(model)[1]))
    config = words.config
    bundle = Bundle(
        name=config.name,
        vocabulary=vocabulary,
        vocabulary_text=vocabulary_text(config.vocabulary),
        senses=Senses(
            frame_rate=Fraction(settings["frame_rate"]),
            backbone=settings["backbone"],
            aspect=settings["aspect"],
            backbone_sha256=settings["weights"]["backbone"],
            listener=settings.get("listener") or "teacher",
            listener_sha256=settings["weights"].get("listener", ""),
        ),
        tagger=shape,
        weights=weights,
        facts={
            "steps": int(outcome.state.step),
            "data": {split: part.facts() for split, part in data.items()},
            "validation": dict(outcome.scores),
            "examples": measured.table(vocabulary),
        },
        card=f"# {config.name}\n\nTrained by `train.py {config.name}`; not yet described.\n",
    )
    draw_curves(
        words.out,
        {
            "loss": ("loss", "frame_loss", "clip_loss"),
            "validation": (
                "validation/macro_roc_auc",
                "validation/any_effect_roc_auc",
                "validation/macro_average_precision",
            ),
            "norms": ("grad_norm", "param_norm"),
        },
        words.out / "curves.png",
    )
    folder = words.out / "bundle"
    sha256 = save_bundle(folder, bundle, overwrite=words.overwrite)
    scores = ", ".join(f"{name} {value:.4f}" for name, value in outcome.scores.items())
    print(f"{scores}; {outcome.steps_per_s:.1f} steps a second")
    print(f"wrote {folder} ({sha256[:12]})")


if __name__ == "__main__":
    from temporal_foley.errors import leave

    # Not sys.exit: parts of a checkpoint that failed would be waited for, for twenty minutes.
    leave(main(sys.argv[1:]))
