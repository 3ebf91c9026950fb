"""Build datasets of labelled media, list and check them.

Finished parts of a build are kept: after a kill the same command resumes.
"""

import contextlib
import io
import json
import logging
import resource
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from data_pipeline.prepare.options import BuildOptions
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.errors import OutputExistsError

_SHOWN_REASONS = 8

Progress = Callable[[str, float], None]


def build_dataset(options: BuildOptions, progress: Progress = lambda stage, part: None) -> Path:
    """Build a dataset, or resume building it; return its folder.

    Args:
        options: What to build.
        progress: Called with a stage and how much of it is done, from 0 to 1.

    Raises:
        OutputExistsError: It is already built, and `overwrite` is not set.
        FoleyError: An option or a file is unusable.
    """
    # Late, so that --help is fast.
    import tensorflow_datasets as tfds

    from data_pipeline.builders import dataset, staging
    from data_pipeline.prepare.planning import make_build_plan

    began = time.perf_counter()
    logging.getLogger("absl").setLevel(logging.ERROR)
    tfds.disable_progress_bar()
    vocabulary = load_vocabulary(options.vocabulary)
    builder_class, plan = make_build_plan(options, vocabulary)
    for split, work in plan.works.items():
        print(f"{split}: {len(work.items)} to make", flush=True)
    place = options.out / options.dataset / plan.config_name
    folder = place / str(builder_class.VERSION)
    kept = options.out / f".{options.dataset}-{plan.config_name}.part"
    if folder.exists() and options.overwrite:
        shutil.rmtree(folder)
    if (folder / "manifest.json").exists():
        staging.forget(kept)  # Of a build that was killed at the very end.
        raise OutputExistsError(
            "is built already", path=folder, remedy="give --overwrite to build it again"
        )
    for left in place.glob("incomplete.*"):
        shutil.rmtree(left, ignore_errors=True)
    config = dataset.PlanConfig.of(plan, kept, workers=options.workers, progress=progress)
    builder = builder_class(data_dir=options.out, config=config, file_format="array_record")
    if not folder.exists():
        # Its output is about downloads, and there are none.
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(
                download_dir=kept / "downloads",
                download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            )
        _write_rejected(folder, config.rejected)
    _write_report(folder, vocabulary, options, plan.description, began, progress)
    staging.forget(kept)
    print(f"built {folder}")
    return folder


def list_datasets(out: Path) -> None:
    """Print the datasets in a folder, with the size of each split."""
    from data_pipeline.prepare import built

    infos = sorted(out.glob("*/*/*/dataset_info.json"))
    if not infos:
        print(f"{out}: no dataset")
    for info in infos:
        folder = info.parent
        splits = {split: len(records) for split, records in built.open_splits(folder).items()}
        state = "" if (folder / built.MANIFEST).exists() else " (not finished: build it again)"
        print(f"{folder}: {splits}{state}")


def check_dataset(folder: Path, progress: Progress = lambda stage, part: None) -> None:
    """Read all of a dataset, and check its digests, splits and pictures.

    Raises:
        DatasetError: The dataset is damaged.
    """
    from data_pipeline.prepare import built

    files = built.check_manifest(folder)
    survey = built.survey_dataset(folder, lambda part: progress("checking", part))
    print(f"{folder}: {files} files are unchanged")
    print(_format_counts(survey))


def _write_rejected(folder: Path, rejected: Sequence) -> None:
    rows = [f"{_cell(item.item)}\t{_cell(item.reason)}" for item in rejected]
    text = "\n".join(["item\treason", *rows]) + "\n"
    (folder / "rejected.tsv").write_text(text, "utf-8")
    reasons = Counter(item.reason.partition(":")[0] for item in rejected)
    print(f"rejected: {len(rejected)}")
    for reason, count in reasons.most_common(_SHOWN_REASONS):
        print(f"  {count:>7}  {reason}")


def _write_report(
    folder: Path,
    vocabulary: Vocabulary,
    options: BuildOptions,
    description: str,
    began: float,
    progress: Progress,
) -> None:
    from data_pipeline.prepare import built

    survey = built.survey_dataset(folder, lambda part: progress("checking", part))
    table = built.class_table(survey, vocabulary)
    (folder / "classes.tsv").write_text(table, "utf-8")
    sources = [f"{s}\t{name}" for s, names in survey.sources.items() for name in sorted(names)]
    (folder / "sources.tsv").write_text("\n".join(["split\tsource", *sources]) + "\n", "utf-8")
    built.draw_sheets(folder)
    used = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    document = {
        "what": description,
        "settings": {
            name: str(list(map(str, value)) if isinstance(value, tuple) else value)
            for name, value in sorted(vars(options).items())
        },
        "records_sha256": built.records_digest(folder),
        "seconds": round(time.perf_counter() - began, 1),
        "peak_memory_mib": {
            name: resource.getrusage(who).ru_maxrss // 1024
            for name, who in zip(("main", "largest_worker"), used, strict=True)
        },
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (folder / "prepare.json").write_text(text, "utf-8")
    built.write_manifest(folder)
    print(table, end="")
    print(_format_counts(survey))
    print(f"records sha256 {document['records_sha256'][:16]}, {document['seconds']} s")
    print(f"peak memory (MiB): {document['peak_memory_mib']}")


def _format_counts(survey) -> str:
    counts = {split: len(names) for split, names in survey.sources.items()}
    return f"examples: {dict(survey.examples)}; sources, none in two splits: {counts}"


def _cell(text: str) -> str:
    return " ".join(text.split())
