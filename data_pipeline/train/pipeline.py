"""Train a model from folders of pictures, sounds and videos, stage by stage.

OUT/                bundle.json, manifest.json ...: the model, for `generate --model OUT`
OUT/library/        its sounds, for `generate --library OUT/library`
OUT/report/         report.html and metrics.json
OUT/work/           vocabulary, datasets, features, runs: each stage resumes from here
"""

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from data_pipeline.train import stage_work
from data_pipeline.train.material import check_out, read_material
from data_pipeline.train.options import TrainOptions
from data_pipeline.train.settings import check_settings, note_settings
from data_pipeline.train.stages import Stages, folder_digest
from temporal_foley.effects import Vocabulary

if TYPE_CHECKING:
    from temporal_foley.training.config import Config


def train_model(
    options: TrainOptions,
    *,
    progress: Callable[[str], Any],
    print_line: Callable[[str], None] = print,
    print_table: Callable[[list[tuple[str, ...]]], None] = print,
    warn: Callable[[str], None] = print,
) -> None:
    """Train a model; a stage whose inputs are unchanged is skipped.

    Args:
        options: What to train on.
        progress: Opens a progress display with a title.
        print_line: Prints a line of the result.
        print_table: Prints a table.
        warn: Prints what may be wrong with the result.

    Raises:
        FoleyError: The material is unusable; nothing has been trained then.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    out, given = options.out, options
    check_out(options)
    check_settings(options)
    options, stages = _demo(options, progress, print_line)
    material = read_material(options)
    note_settings(given)
    vocabulary = material.vocabulary
    config = _config(options, out.resolve().name, vocabulary)
    work = options.work
    stages.run(
        "vocabulary",
        material.text,
        (options.vocabulary_file,),
        lambda report: stage_work.describe_vocabulary(options, material),
    )
    for warning in material.warnings:
        warn(warning)
    media = folder_digest(options.pictures, options.sounds, options.videos, options.annotations)
    builds = stage_work.plan_builds(options, material)
    stage_work.forget_others(work, {build.dataset for build in builds})
    for build in builds:
        stages.run(
            f"build {build.dataset}",
            (media, dataclasses.replace(build, workers=1)),
            (work / "data" / build.dataset,),
            lambda report, build=build: stage_work.build(build, report),
            scratch=work / "data" / build.dataset,
        )
    stages.run(
        "features",
        stage_work.LISTENER,
        (work / "features",),
        lambda report: stage_work.extract_all(options, report),
    )
    for name, one in (("", config), ("frames", _frames(config))):
        if name and not options.baseline:
            continue
        run = work / (f"run_{name}" if name else "run")
        stages.run(
            f"train {stage_work.FRAMES}" if name else "train",
            one,
            (run / "bundle",),
            lambda report, run=run, one=one: stage_work.fit_tagger(
                options, material, one, run, report
            ),
            scratch=run,
        )
        stages.run(
            f"decide {stage_work.FRAMES}" if name else "decide",
            None,
            (run / "decided",),
            lambda report, run=run: stage_work.decide(options, run),
        )
    stages.run(
        "background",
        None,
        (work / "run" / "complete",),
        lambda report: stage_work.add_background(options, work / "run"),
    )
    stage_work.install(work / "run" / "complete", out)
    table = [(effect.name,) for effect in vocabulary.effects]
    stages.run(
        "evaluate",
        None,
        (out / "report" / "report.html",),
        lambda report: stage_work.evaluate_model(options, vocabulary, table, report),
    )
    stages.run(
        "library",
        (),
        (out / "library",),
        lambda report: stage_work.make_library(options, material, report),
    )
    if len(table[0]) > 1:
        print_table(table)
    print_line(f"report: {out / 'report' / 'report.html'}")
    has_sounds = (out / "library").is_dir()
    library = f" --library {out / 'library'}" if has_sounds else ""
    print_line(f"try it: temporal-foley generate {_example(options)} --model {out}{library}")


def _demo(
    options: TrainOptions, progress: Callable[[str], Any], print_line: Callable[[str], None]
) -> tuple[TrainOptions, Stages]:
    """Draw the demo's set, if it is wanted, and count the stages."""
    total = 5 + 2 * (1 + options.baseline)
    by_class = options.pictures or options.sounds or options.demo
    total += sum(map(bool, (by_class, options.pictures, options.videos or options.demo)))
    stages = Stages(folder=options.work, total=total, progress=progress, print=print_line)
    if not options.demo:
        return options, stages
    from configs import foley_demo
    from data_pipeline.train.demo import VERSION, write_demo

    folder = options.work / "demo"
    stages.total += 1
    stages.run(
        "draw",
        VERSION,
        (folder / "events.tsv",),
        lambda report: write_demo(folder, progress=lambda part: report("drawing", part)),
    )
    drawn = dataclasses.replace(
        options,
        demo=False,
        config=options.config or foley_demo.config(),
        sounds=folder / "sounds",
        videos=folder / "videos",
        annotations=folder / "events.tsv",
    )
    return drawn, stages


def _config(options: TrainOptions, name: str, vocabulary: Vocabulary) -> "Config":
    from configs.foley20 import config as default

    config = default() if options.config is None else options.config
    if options.config is None and not any(effect.imagenet for effect in vocabulary.effects):
        config = dataclasses.replace(config, tagger=dataclasses.replace(config.tagger, prior=None))
    steps = options.steps or config.steps
    return dataclasses.replace(
        config, name=name, vocabulary=str(options.vocabulary_file), steps=steps
    )


def _frames(config: "Config") -> "Config":
    """Return the same tagger without recurrence."""
    recurrent = dataclasses.replace(config.tagger.recurrent, cell="none")
    tagger = dataclasses.replace(config.tagger, recurrent=recurrent)
    return dataclasses.replace(config, name=f"{config.name}, {stage_work.FRAMES}", tagger=tagger)


def _example(options: TrainOptions) -> str:
    if options.videos is None or options.annotations is None:
        return "VIDEO"
    drawn = sorted(options.videos.glob("test_*.mp4"))
    return str(drawn[0]) if drawn else "VIDEO"
