"""Train a model from folders of pictures, sounds and videos, stage by stage.

OUT/                bundle.json, manifest.json ...: the model, for `generate --model OUT`
OUT/library/        its sounds, for `generate --library OUT/library`
OUT/report/         report.html and metrics.json
OUT/work/           vocabulary, datasets, features, runs: each stage resumes from here
"""

import contextlib
import csv
import dataclasses
import io
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_pipeline.builders.labelled_files import Grouping, LabelledFile, check_known
from data_pipeline.builders.stills import StillsConfig, leave_out, read_all
from data_pipeline.train.check import choose_parts
from data_pipeline.train.stages import Stages, folder_digest
from data_pipeline.train.vocabulary import folder_classes, vocabulary_of
from temporal_foley.effects import Vocabulary, load_vocabulary, vocabulary_text
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError
from temporal_foley.files.run_record import Progress

if TYPE_CHECKING:
    from temporal_foley.training.config import Config

FRAMES = "single frames"
"""The baseline without recurrence."""
LISTENER = "student"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What to train on, and how."""

    out: Path
    pictures: Path | None = None
    """Folder of pictures by class: DIR/CLASS/[SOURCE/]FILE."""
    sounds: Path | None = None
    """Folder of sounds by class."""
    videos: Path | None = None
    """Folder of videos, by class unless there are annotations."""
    annotations: Path | None = None
    """Times of the events in the videos."""
    reader: str = "dcase"
    """Reads the annotations."""
    vocabulary: str | None = None
    """Name or file; by default made from the names of the folders."""
    nothing: tuple[str, ...] = ()
    """Classes that show none of the effects, besides `other`."""
    leave_out: tuple[str, ...] = ()
    """Patterns of files to skip."""
    group: Grouping = "source"
    """What stays in one split."""
    config: "Config | None" = None
    """Settings of the training; by default those of foley20."""
    steps: int | None = None
    clips: int | None = None
    """Number of clips to compose from pictures and sounds."""
    baseline: bool = True
    """Train a tagger of single frames too, to compare with."""
    workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    demo: bool = False
    """Draw a set, instead of reading folders."""

    def __post_init__(self) -> None:
        folders = (self.pictures, self.sounds, self.videos)
        if self.demo and any(folder is not None for folder in folders):
            raise UsageError("needs no folders", option="--demo", remedy="leave out the others")
        if not self.demo and all(folder is None for folder in folders):
            raise UsageError(
                "nothing to train on",
                remedy="give --pictures DIR, --sounds DIR or --videos DIR, or try --demo",
            )
        if self.annotations is not None and self.videos is None:
            raise UsageError("needs --videos DIR", option="--annotations")
        for folder in folders:
            if folder is not None and not folder.is_dir():
                raise UsageError("no such folder", path=folder)

    @property
    def work(self) -> Path:
        """Folder of everything that can be made again."""
        return self.out / "work"

    @property
    def vocabulary_file(self) -> Path:
        """The vocabulary that is trained on; its name is that of the one given."""
        name = Path(self.vocabulary).stem if self.vocabulary else self.out.resolve().name
        return self.work / f"{name}.toml"


def train_model(
    options: TrainOptions,
    *,
    progress: Callable[[str], Any],
    print_line: Callable[[str], None] = print,
    print_table: Callable[[list[tuple[str, ...]]], None] = print,
) -> None:
    """Train a model; a stage whose inputs are unchanged is skipped.

    Args:
        options: What to train on.
        progress: Opens a progress display with a title.
        print_line: Prints a line of the result.
        print_table: Prints a table.

    Raises:
        FoleyError: The material is unusable; nothing has been trained then.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    out = options.out
    if out.exists() and any(out.iterdir()) and not options.work.is_dir():
        raise OutputExistsError("has other content", path=out, remedy="use another --out")
    options.work.mkdir(parents=True, exist_ok=True)
    options, stages = _demo(options, progress, print_line)
    files, vocabulary, text = _read_material(options)
    parts = choose_parts(files)
    config = _config(options, out.name, vocabulary)
    work = options.work
    stages.run(
        "vocabulary", text, (options.vocabulary_file,), lambda report: _vocabulary(options, text)
    )
    material = folder_digest(options.pictures, options.sounds, options.videos, options.annotations)
    builds = _builds(options, files, parts)
    _forget_others(work, {build.dataset for build in builds})
    for build in builds:
        stages.run(
            f"build {build.dataset}",
            (material, dataclasses.replace(build, workers=1)),
            (work / "data" / build.dataset,),
            lambda report, build=build: _build(build, report),
            scratch=work / "data" / build.dataset,
        )
    stages.run(
        "features", LISTENER, (work / "features",), lambda report: _features(options, report)
    )
    for name, one in (("", config), ("frames", _frames(config))):
        if name and not options.baseline:
            continue
        run = work / (f"run_{name}" if name else "run")
        stages.run(
            f"train {FRAMES}" if name else "train",
            one,
            (run / "bundle",),
            lambda report, run=run, one=one: _train(options, one, run, report),
            scratch=run,
        )
        stages.run(
            f"decide {FRAMES}" if name else "decide",
            None,
            (run / "decided",),
            lambda report, run=run: _decide(options, run),
        )
    stages.run(
        "background",
        None,
        (work / "run" / "complete",),
        lambda report: _background(options, work / "run"),
    )
    _install(work / "run" / "complete", out)
    table = [(effect.name,) for effect in vocabulary.effects]
    stages.run(
        "evaluate",
        None,
        (out / "report" / "report.html",),
        lambda report: _evaluate(options, vocabulary, table, report),
    )
    stages.run(
        "library",
        (),
        (out / "library",),
        lambda report: _library(options, vocabulary, files, report),
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


def _read_material(options: TrainOptions) -> tuple[list[LabelledFile], Vocabulary, str]:
    """Read the lists of files, and check that their classes are known before anything is built."""
    by_class = tuple(folder for folder in (options.pictures, options.sounds) if folder is not None)
    if options.vocabulary is not None:
        text = vocabulary_text(options.vocabulary)
    else:
        videos = () if options.videos is None or options.annotations else (options.videos,)
        text = vocabulary_of(folder_classes((*by_class, *videos)), options.nothing)
    path = options.vocabulary_file
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
    vocabulary = load_vocabulary(str(path))
    config = StillsConfig(
        paths=by_class, grouping=options.group, nothing=options.nothing, leave_out=options.leave_out
    )
    files, _ = read_all(config, vocabulary)
    files, _ = leave_out(files, options.leave_out)
    if by_class:
        check_known(files, vocabulary)
    return files, vocabulary, text


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
    return dataclasses.replace(config, name=f"{config.name}, {FRAMES}", tagger=tagger)


def _vocabulary(options: TrainOptions, text: str) -> str:
    effects = load_vocabulary(str(options.vocabulary_file)).names
    where = "" if options.vocabulary else f"; edit {options.vocabulary_file} and give it "
    where += "" if options.vocabulary else "with --vocabulary to change how they sound"
    return f"{len(effects)} effects: {', '.join(effects)}{where}"


def _builds(options: TrainOptions, files: list[LabelledFile], parts: str) -> list[Any]:
    """Return the datasets to build: stills, composed clips and annotated videos."""
    from data_pipeline.prepare.options import BuildOptions

    common = {
        "out": options.work / "data",
        "vocabulary": str(options.vocabulary_file),
        "parts": parts,
        "nothing": options.nothing,
        "workers": options.workers,
        # Of a build that was finished when the program was killed, its parts are kept.
        "overwrite": True,
    }
    builds = []
    if files:
        by_class = {
            "files": tuple(f for f in (options.pictures, options.sounds) if f is not None),
            "group": options.group,
            "leave_out": options.leave_out,
        }
        builds.append(BuildOptions(dataset="stills", **by_class, **common))
        if options.pictures is not None:
            clips = options.clips or min(1000, max(150, 2 * len(files)))
            builds.append(BuildOptions(dataset="composed", clips=clips, **by_class, **common))
    if options.videos is not None:
        reader = options.reader if options.annotations else "class_folders"
        annotations = (options.annotations or options.videos,)
        builds.append(
            BuildOptions(
                dataset="clips",
                annotations=annotations,
                media=options.videos,
                reader=reader,
                **common,
            )
        )
    return builds


def _forget_others(work: Path, datasets: set[str]) -> None:
    """Delete datasets and features of an earlier command that are not of this one."""
    for folder in (*(work / "data").glob("*"), *(work / "features").glob("*")):
        if folder.is_dir() and folder.name.lstrip(".").partition("-")[0] not in datasets:
            shutil.rmtree(folder)


def _build(build: Any, report: Progress) -> str:
    from data_pipeline.prepare.build import build_dataset

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        build_dataset(build, report)
    lines = said.getvalue().splitlines()
    return next((line.partition(";")[0] for line in lines if line.startswith("examples")), "")


def _features(options: TrainOptions, report: Progress) -> str:
    from data_pipeline.features.jobs import all_jobs
    from data_pipeline.features.run import ExtractionConfig, extract_features

    jobs = all_jobs(options.work / "data", options.work / "features")
    config = ExtractionConfig(listener=LISTENER)
    records = 0
    for number, (source, folder) in enumerate(jobs):

        def done(shard: int, shards: int, number: int = number) -> None:
            report("features", (number + shard / shards) / len(jobs))

        # In this process, unless there is enough to do for more to pay.
        workers = options.workers if len(source) > 500 else 1
        store = extract_features(
            source, folder, config, workers=workers, overwrite=True, progress=done
        )
        records += len(store)
    return f"{records} records"


def _train(options: TrainOptions, config: "Config", run: Path, report: Progress) -> str:
    from data_pipeline.train.tagger import train_bundle

    said = io.StringIO()
    with contextlib.redirect_stdout(said), _watching(run / "log.jsonl", config.steps, report):
        features = options.work / "features"
        result = train_bundle(config, features, run, overwrite=True, show=False)
    if not result.finished:
        raise FoleyError(
            f"stopped and saved at step {int(result.state.step)}",
            remedy="the same command continues the run",
        )
    return f"{config.steps} steps, {result.steps_per_s:.1f} per second"


@contextlib.contextmanager
def _watching(log: Path, steps: int, report: Progress) -> Iterator[None]:
    """Report the steps that a training logs."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            lines = log.read_bytes().splitlines() if log.is_file() else []
            with contextlib.suppress(ValueError, KeyError, IndexError):
                report("training", json.loads(lines[-1])["step"] / steps)

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _decide(options: TrainOptions, run: Path) -> str:
    from data_pipeline.after_training import decide
    from data_pipeline.after_training.options import DecideOptions

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        decide.run(
            DecideOptions(
                bundle=run / "bundle",
                data=options.work / "features",
                out=run / "decided",
                overwrite=True,
            )
        )
    kept = [line for line in said.getvalue().splitlines() if line.startswith("kept")]
    return "; ".join(kept)


def _background(options: TrainOptions, run: Path) -> str:
    """Add examples of everything else, so that new effects can be taught, if there are enough."""
    from data_pipeline.after_training import background
    from data_pipeline.after_training.options import BackgroundOptions

    made = BackgroundOptions(
        bundle=run / "decided", data=options.work / "features", out=run / "complete", overwrite=True
    )
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            background.run(made)
    except UsageError as error:
        shutil.copytree(run / "decided", run / "complete", dirs_exist_ok=True)
        return f"left out, so `teach` cannot extend this model: {error}"
    return "`teach` can extend this model"


def _install(bundle: Path, out: Path) -> None:
    """Copy the files of a bundle to a folder that has other folders too; the manifest last."""
    from temporal_foley.models.bundle.bundle_files import FILES, MANIFEST

    for name in (*FILES, MANIFEST):
        part = out / f"{name}.part"
        shutil.copyfile(bundle / name, part)
        part.replace(out / name)


def _evaluate(
    options: TrainOptions, vocabulary: Vocabulary, table: list[tuple[str, ...]], report: Progress
) -> str:
    from data_pipeline.train.evaluation import (
        EvaluateOptions,
        effect_table,
        evaluate,
        score_table,
    )

    baseline = options.work / "run_frames" / "decided"
    models = evaluate(
        EvaluateOptions(
            bundle=options.out,
            data=options.work / "features",
            out=options.out / "report",
            baseline=(f"{FRAMES}={baseline}",) if options.baseline else (),
            pictures=options.work / "data",
            draws=200,
            overwrite=True,
        ),
        report,
    )
    table[:] = [*score_table(models), ("",) * 6]
    rows = effect_table(models, vocabulary.names)
    table += [(*row, *("",) * (6 - len(row))) for row in rows]
    return ""


def _library(
    options: TrainOptions, vocabulary: Vocabulary, files: list[LabelledFile], report: Progress
) -> str:
    """Make a sound library of the sounds, each for the effect that its folder names."""
    from temporal_foley.library.add import AddSettings, add_sounds

    sounds = [file for file in files if file.medium == "sound" and file.effects]
    if options.sounds is None or not sounds:
        return "no sounds; the built-in recipes play"
    table = options.work / "library_table.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("file", "effect", "use"))
        rows.writerows((file.id, file.effects[0], "yes") for file in sounds)
    settings = AddSettings(vocabulary=vocabulary, listen=False, table=table, licence="")
    outcome = add_sounds(options.sounds, options.out / "library", settings, progress=report)
    return f"{sum(row.use for row in outcome.added)} sounds"


def _example(options: TrainOptions) -> str:
    if options.videos is None or options.annotations is None:
        return "VIDEO"
    drawn = sorted(options.videos.glob("test_*.mp4"))
    return str(drawn[0]) if drawn else "VIDEO"
