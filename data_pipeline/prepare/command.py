"""Build datasets of labelled media, list and check them.

What is finished of a build is kept: whoever is killed gives the same command again and goes on.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from data_pipeline.builders.splits import PARTS
from temporal_foley.cli.console import Console
from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError

DATASETS = ("stills", "clips", "composed", "scenes")
_SHOWN_REASONS = 8


class _Parser(argparse.ArgumentParser):
    """Tells a wrong word in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    words = _parser().parse_args(argv)
    try:
        if words.command == "build":
            _build(words)
        elif words.command == "list":
            _list(words.out)
        else:
            _check(words.folder)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m data_pipeline.prepare.command", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="build|list|check")
    build = commands.add_parser("build", help="make a dataset, or go on making it")
    build.add_argument("dataset", choices=DATASETS)
    build.add_argument("--out", type=Path, required=True, help="folder of all datasets")
    build.add_argument(
        "--files",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="stills, composed: class folders, or CSV tables with the columns file and class",
    )
    build.add_argument(
        "--nothing",
        nargs="+",
        default=[],
        metavar="CLASS",
        help="stills, composed: classes that are known to be no effect (`other` always is)",
    )
    build.add_argument(
        "--leave-out",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="stills, composed: files that are not used, such as frames of videos that are tested; "
        "a pattern such as 'helicopter/frames/*'. What is left stays in its split",
    )
    build.add_argument(
        "--annotations",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="clips, scenes, and videos for composed: the publisher's files",
    )
    build.add_argument("--reader", default="dcase", help="of the annotations: who reads them")
    build.add_argument(
        "--ontology", type=Path, metavar="FILE", help="of the annotations: AudioSet's"
    )
    build.add_argument(
        "--media", type=Path, metavar="DIR", help="of the annotations: where the media are"
    )
    build.add_argument("--frame-rate", type=float, metavar="HZ", help="4 if not given")
    build.add_argument(
        "--config", type=Path, metavar="FILE.toml", help="composed: the distribution of clips"
    )
    build.add_argument(
        "--clips", type=int, metavar="N", help="composed: how many in all, shared out by --parts"
    )
    build.add_argument("--vocabulary", default=DEFAULT_VOCABULARY, metavar="NAME|FILE")
    build.add_argument("--parts", choices=tuple(PARTS), default="80_10_10")
    build.add_argument(
        "--group",
        choices=("source", "series"),
        default="source",
        help="what stays on one side of a split: a folder of pictures, or pictures that are alike",
    )
    build.add_argument("--seed", type=int, default=0)
    build.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    build.add_argument("--overwrite", action="store_true")
    shown = commands.add_parser("list", help="what is built in a folder")
    shown.add_argument("out", type=Path)
    check = commands.add_parser("check", help="read all of a dataset: digests, splits, pictures")
    check.add_argument("folder", type=Path)
    return parser


def _build(words: argparse.Namespace) -> None:
    # After the words are read, so that --help is there at once.
    import tensorflow_datasets as tfds

    from data_pipeline.builders import dataset, staging
    from data_pipeline.prepare.planning import make_plan

    if words.workers < 1:
        raise UsageError(f"--workers must be at least 1, got {words.workers}")
    began = time.perf_counter()
    logging.getLogger("absl").setLevel(logging.ERROR)
    tfds.disable_progress_bar()
    vocabulary = load_vocabulary(words.vocabulary)
    builder_class, plan = make_plan(words, vocabulary)
    for split, work in plan.works.items():
        print(f"{split}: {len(work.items)} to make", flush=True)
    place = words.out / words.dataset / plan.config_name
    folder = place / str(builder_class.VERSION)
    kept = words.out / f".{words.dataset}-{plan.config_name}.part"
    if folder.exists() and words.overwrite:
        shutil.rmtree(folder)
    if (folder / "manifest.json").exists():
        staging.forget(kept)  # Of a build that was killed when all was done.
        raise OutputExistsError(f"{folder}: is built already; give --overwrite to build it again")
    for left in place.glob("incomplete.*"):
        shutil.rmtree(left, ignore_errors=True)
    with Console().progress(words.dataset) as progress:
        config = dataset.PlanConfig.of(plan, kept, workers=words.workers, progress=progress)
        builder = builder_class(data_dir=words.out, config=config, file_format="array_record")
        if not folder.exists():
            # What it prints speaks of downloads, of which there are none.
            with contextlib.redirect_stdout(io.StringIO()):
                builder.download_and_prepare(
                    download_dir=kept / "downloads",
                    download_config=tfds.download.DownloadConfig(try_download_gcs=False),
                )
            _write_rejected(folder, config.rejected)
        _report(folder, vocabulary, words, plan.description, began, progress)
    staging.forget(kept)
    print(f"built {folder}")


def _write_rejected(folder: Path, rejected: Sequence) -> None:
    rows = [f"{_cell(item.item)}\t{_cell(item.reason)}" for item in rejected]
    text = "\n".join(["item\treason", *rows]) + "\n"
    (folder / "rejected.tsv").write_text(text, "utf-8")
    reasons = Counter(item.reason.partition(":")[0] for item in rejected)
    print(f"rejected: {len(rejected)}")
    for reason, count in reasons.most_common(_SHOWN_REASONS):
        print(f"  {count:>7}  {reason}")


def _report(folder, vocabulary, words, description, began, progress) -> None:
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
        "settings": {key: str(value) for key, value in sorted(vars(words).items())},
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
    counts = {split: len(names) for split, names in survey.sources.items()}
    print(f"examples: {dict(survey.examples)}; sources, none in two splits: {counts}")
    print(f"records sha256 {document['records_sha256'][:16]}, {document['seconds']} s")
    print(f"peak memory (MiB): {document['peak_memory_mib']}")


def _list(out: Path) -> None:
    from data_pipeline.prepare import built

    infos = sorted(out.glob("*/*/*/dataset_info.json"))
    if not infos:
        print(f"{out}: no dataset")
    for info in infos:
        folder = info.parent
        splits = {split: len(records) for split, records in built.open_splits(folder).items()}
        state = "" if (folder / built.MANIFEST).exists() else " (not finished: build it again)"
        print(f"{folder}: {splits}{state}")


def _check(folder: Path) -> None:
    from data_pipeline.prepare import built

    files = built.check_manifest(folder)
    with Console().progress("check") as progress:
        survey = built.survey_dataset(folder, lambda part: progress("checking", part))
    counts = {split: len(names) for split, names in survey.sources.items()}
    print(f"{folder}: {files} files as they were written")
    print(f"examples: {dict(survey.examples)}; sources, none in two splits: {counts}")


def _cell(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
