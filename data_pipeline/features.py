"""Media or built datasets in, cached embeddings out: an Apache Beam pipeline, restartable.

    python -m data_pipeline.features dataset FOLDER --split train --out FEATURES
    python -m data_pipeline.features media FOLDER --events TABLE.tsv --out FEATURES

Words behind a `--` of its own go to Beam: without any, the work runs on this machine with a process
a core. Shards do not depend on how many workers made them.
"""

import argparse
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from data_pipeline.annotations.dcase import read_dcase
from data_pipeline.annotations.mapping import map_clips
from data_pipeline.feature_source import DatasetSource, MediaSource, Source
from data_pipeline.feature_store import (
    VERSION,
    FeatureStore,
    begin,
    finish,
    read_note,
    shard_name,
)
from data_pipeline.feature_workers import (
    ExtractionConfig,
    MakeShards,
    load_networks,
    make_shard,
    shard_count,
)
from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.models.audio import release
from temporal_foley.models.image.backbone import BACKBONES, DEFAULT_ASPECT
from temporal_foley.models.image.preparation import ASPECTS

ROOT = Path(__file__).resolve().parents[1]
# Beam's own DirectRunner first tries to download another runner, written in Go.
LOCAL = (
    "--runner=FnApiRunner",
    "--direct_running_mode=multi_processing",
    "--default_sdk_harness_log_level=ERROR",
)
_POLL_S = 1.0


def extract_features(
    source: Source,
    folder: Path,
    config: ExtractionConfig,
    *,
    beam_flags: Sequence[str] = (),
    workers: int = 0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureStore:
    """Make the features of a source, or what is missing of them.

    Args:
        source: What to look at and listen to.
        folder: Where to; all workers must reach it under this name.
        config: How.
        beam_flags: A runner and its flags; without them this machine.
        workers: Processes on this machine; 0 is one a core.
        overwrite: Replace features of another source or configuration.
        progress: Told now and then how many shards of how many are done.
    """
    settings = _settings(source, config)
    begin(folder, settings, overwrite=overwrite)
    shards = [shard_name(i, settings["shards"]) for i in range(settings["shards"])]
    waiting = [i for i, name in enumerate(shards) if read_note(folder, name) is None]
    if waiting:
        driver = None if beam_flags else os.getpid()
        flags = list(beam_flags) or [*LOCAL, f"--direct_num_workers={workers}"]
        with _importable(), _watching(folder, shards, progress):
            pipeline = beam.Pipeline(options=PipelineOptions(flags))
            _ = (
                pipeline
                | "Shards" >> beam.Create(waiting)
                | "Spread" >> beam.Reshuffle()
                | "Make" >> beam.ParDo(MakeShards(source, config, folder.resolve(), driver))
            )
            _run(pipeline, folder)
    return _close(folder, settings, shards)


def _run(pipeline: beam.Pipeline, folder: Path) -> None:
    try:
        pipeline.run().wait_until_finish()
    except RuntimeError as error:
        # What Beam tells is long, and its last line is what the worker said.
        told = [line.strip() for line in str(error).splitlines() if line.strip()]
        last = told[-1] if told else "a worker ended"
        raise FoleyError(f"{folder}: the run failed ({last}); run it again to go on") from error


def extract_in_process(source: Source, folder: Path, config: ExtractionConfig) -> FeatureStore:
    """Make the same features without Beam, a shard after the other in this process."""
    settings = _settings(source, config)
    begin(folder, settings)
    networks = load_networks(config)
    shards = [shard_name(i, settings["shards"]) for i in range(settings["shards"])]
    for number in range(len(shards)):
        make_shard(source, config, networks, folder, number)
    return _close(folder, settings, shards)


def _settings(source: Source, config: ExtractionConfig) -> dict[str, Any]:
    if len(source) == 0:
        raise UsageError("there is nothing to extract features from; name a folder with examples")
    return {
        "version": VERSION,
        "source": source.digest,
        "items": len(source),
        "shards": shard_count(source, config),
        "items_per_shard": config.items_per_shard,
        "frame_rate": str(config.frame_rate),
        "backbone": config.backbone,
        "aspect": config.aspect,
        "weights": dict(load_networks(config).sha256),
    }


def _close(folder: Path, settings: dict[str, Any], shards: Sequence[str]) -> FeatureStore:
    notes = [read_note(folder, name) for name in shards]
    missing = [name for name, note in zip(shards, notes, strict=True) if note is None]
    if missing:
        raise FoleyError(f"{folder / missing[0]}: was not made; run the command again")
    finish(folder, settings, [note for note in notes if note is not None])
    return FeatureStore(folder)


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """Let worker processes find this package, wherever the command was started."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextlib.contextmanager
def _watching(
    folder: Path, shards: Sequence[str], progress: Callable[[int, int], None] | None
) -> Iterator[None]:
    """Tell how many shards are done, whatever runner makes them."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        told = -1
        while not ended.wait(_POLL_S):
            done = sum((folder / name).with_suffix(".json").is_file() for name in shards)
            if done != told:
                progress(done, len(shards))
                told = done

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Parser(argparse.ArgumentParser):
    """Tells a wrong word in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    own = argv.index("--") if "--" in argv else len(argv)
    words, beam_flags = _parser().parse_args(argv[:own]), argv[own + 1 :]
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    try:
        config = _config(words)
        source = _source(words)
        store = extract_features(
            source,
            words.out,
            config,
            beam_flags=beam_flags,
            workers=words.workers,
            overwrite=words.overwrite,
            progress=lambda done, shards: print(f"shard {done} of {shards}", flush=True),
        )
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    rejected = len(source) - len(store)
    print(f"{len(store)} records with {sum(store.frames)} frames, sha256 {store.sha256}")
    if rejected:
        print(f"{rejected} items rejected; the reasons are in {words.out / 'rejected.tsv'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data_pipeline.features",
        description="Cache what the networks see and hear.",
        epilog="Words behind `--` go to Apache Beam: a runner and its flags.",
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    dataset = commands.add_parser("dataset", help="from a dataset that was built")
    dataset.add_argument("folder", type=Path, help="where its dataset_info.json is")
    dataset.add_argument("--split", default="train")
    media = commands.add_parser("media", help="from media files and a table of events")
    media.add_argument("folder", type=Path, help="where the files are")
    media.add_argument("--events", type=Path, required=True, help="a DCASE table")
    media.add_argument("--vocabulary", default=DEFAULT_VOCABULARY, metavar="NAME|FILE")
    media.add_argument(
        "--labelled",
        metavar="EFFECT,...",
        help="effects that the table names wherever they are; by default those that are in it",
    )
    for command in (dataset, media):
        command.add_argument("--out", type=Path, required=True, help="folder for the features")
        command.add_argument("--frame-rate", default="4", metavar="HZ")
        command.add_argument("--backbone", default="efficientnet_lite0", choices=BACKBONES)
        command.add_argument("--aspect", default=DEFAULT_ASPECT, choices=ASPECTS)
        command.add_argument(
            "--teacher-weights", type=Path, help=f"default: what `{release.COMMAND}` downloads"
        )
        command.add_argument("--items-per-shard", type=int, default=64)
        command.add_argument("--workers", type=int, default=0, help="processes; 0: one a core")
        command.add_argument("--overwrite", action="store_true")
    return parser


def _config(words: argparse.Namespace) -> ExtractionConfig:
    try:
        return ExtractionConfig(
            frame_rate=Fraction(words.frame_rate),
            backbone=words.backbone,
            aspect=words.aspect,
            teacher_weights=words.teacher_weights,
            items_per_shard=words.items_per_shard,
        )
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(str(error)) from None


def _source(words: argparse.Namespace) -> Source:
    if not words.folder.is_dir():
        raise UsageError(f"{words.folder}: no such folder")
    if words.command == "dataset":
        return DatasetSource(str(words.folder.resolve()), words.split)
    vocabulary = load_vocabulary(words.vocabulary)
    clips = map_clips(read_dcase(words.events).clips, vocabulary).clips
    if words.labelled:
        labelled = vocabulary.select(tuple(words.labelled.split(",")))
    else:
        events = [event for clip in clips for event in clip.events]
        named = {event.name for event in events if event.strength == "frame"}
        labelled = tuple(name for name in vocabulary.names if name in named)
    return MediaSource(str(words.folder.resolve()), clips, labelled)


if __name__ == "__main__":
    sys.exit(main())
