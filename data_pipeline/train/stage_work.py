"""Do the stages of `temporal-foley train`; each returns what to print about its result."""

import contextlib
import csv
import io
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_pipeline.train.material import TrainingMaterial, check_kept, modality_of
from data_pipeline.train.options import TrainOptions
from data_pipeline.train.vocabulary import NOTHING
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.files.run_record import Progress

if TYPE_CHECKING:
    from temporal_foley.training.config import Config

FRAMES = "single frames"
"""The baseline without recurrence."""
LISTENER = "student"


def describe_vocabulary(options: TrainOptions, material: TrainingMaterial) -> str:
    effects = material.vocabulary.names
    path = options.vocabulary_file
    how = "" if options.vocabulary else f"; to change how they sound, edit {path} and give "
    how += "" if options.vocabulary else f"--vocabulary {path} --overwrite"
    return f"{len(effects)} effects: {', '.join(effects)}{how}"


def plan_builds(options: TrainOptions, material: TrainingMaterial) -> list[Any]:
    """Return the datasets to build: stills, composed clips and annotated videos."""
    from data_pipeline.prepare.options import BuildOptions

    common = {
        "out": options.work / "data",
        "vocabulary": str(options.vocabulary_file),
        "parts": material.division.parts,
        "seed": material.division.seed,
        "nothing": (*options.nothing, NOTHING),
        "workers": options.workers,
        # Of a build that was finished when the program was killed, its parts are kept.
        "overwrite": True,
    }
    builds = []
    if material.files:
        by_class = {
            "files": tuple(f for f in (options.pictures, options.sounds) if f is not None),
            "group": options.group,
            "leave_out": options.leave_out,
        }
        builds.append(BuildOptions(dataset="stills", **by_class, **common))
        if options.pictures is not None:
            clips = options.clips or min(1000, max(150, 2 * len(material.files)))
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
                modality=modality_of(options),
                **common,
            )
        )
    return builds


def forget_others(work: Path, datasets: set[str]) -> None:
    """Delete datasets and features of an earlier command that are not of this one."""
    for folder in (*(work / "data").glob("*"), *(work / "features").glob("*")):
        if folder.is_dir() and folder.name.lstrip(".").partition("-")[0] not in datasets:
            shutil.rmtree(folder)


def build(build: Any, report: Progress) -> str:
    from data_pipeline.prepare.build import build_dataset

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        build_dataset(build, report)
    lines = said.getvalue().splitlines()
    made = next((line.partition(";")[0] for line in lines if line.startswith("examples")), "")
    return made + _left_out(build.out / build.dataset, "*/*/rejected.tsv")


def _left_out(folder: Path, pattern: str) -> str:
    """Report how many items could not be used, and why most of them."""
    rows = [
        line.split("\t")
        for path in sorted(folder.glob(pattern))
        for line in path.read_text("utf-8").splitlines()[1:]
    ]
    # What was left out on purpose, and what another dataset takes, is not worth a word.
    odd = {item: why for item, why in rows if not why.startswith(("matches", "is a video"))}
    if not odd:
        return ""
    item, why = next(iter(odd.items()))
    path = next(iter(sorted(folder.glob(pattern))))
    return f"; {len(odd)} files left out, such as {item} ({why}): see {path}"


def extract_all(options: TrainOptions, report: Progress) -> str:
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
    return f"{records} records" + _left_out(options.work / "features", "*/*/rejected.tsv")


def fit_tagger(
    options: TrainOptions, material: TrainingMaterial, config: "Config", run: Path, report: Progress
) -> str:
    from data_pipeline.features.split import open_split
    from data_pipeline.train.tagger import train_bundle

    check_kept(material, open_split(options.work / "features", "train"), options.work / "data")

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


def decide(options: TrainOptions, run: Path) -> str:
    from data_pipeline.after_training import decide as fit
    from data_pipeline.after_training.options import DecideOptions

    given = DecideOptions(
        bundle=run / "bundle", data=options.work / "features", out=run / "decided", overwrite=True
    )
    with contextlib.redirect_stdout(io.StringIO()):
        kept = fit.run(given)
    if not kept:
        return ""
    return (
        f"{fit.few_clips(kept, given.least_clips)}; add material of other sources, or decide "
        f"on them all the same: python -m data_pipeline decide {options.out} --data {given.data} "
        "--least-clips 1 --out NEW"
    )


def add_background(options: TrainOptions, run: Path) -> str:
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


def install(bundle: Path, out: Path) -> None:
    """Copy the files of a bundle to a folder that has other folders too; the manifest last."""
    from temporal_foley.models.bundle.bundle_files import FILES, MANIFEST

    for name in (*FILES, MANIFEST):
        part = out / f"{name}.part"
        shutil.copyfile(bundle / name, part)
        part.replace(out / name)


def evaluate_model(
    options: TrainOptions, vocabulary: Vocabulary, table: list[tuple[str, ...]], report: Progress
) -> str:
    from data_pipeline.train.compare import behind, effect_table, score_table
    from data_pipeline.train.evaluation import EvaluateOptions, evaluate

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
    return "; ".join(behind(models))


def make_library(options: TrainOptions, material: TrainingMaterial, report: Progress) -> str:
    """Make a sound library of the sounds, each for the effect that its folder names."""
    from temporal_foley.library.add import AddSettings, add_sounds

    vocabulary = material.vocabulary
    sounds = [file for file in material.files if file.medium == "sound" and file.effects]
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
