"""A source in, its features in a folder out: Apache Beam or a plain loop, restartable.

Shards do not depend on how many workers made them, so a run that was killed goes on where it stood.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from data_pipeline.features.source import Source
from data_pipeline.features.store import (
    VERSION,
    FeatureStore,
    begin,
    finish,
    read_note,
    shard_name,
)
from data_pipeline.features.workers import (
    ExtractionConfig,
    MakeShards,
    load_networks,
    make_shard,
    shard_count,
)
from temporal_foley.errors import FoleyError, UsageError

ROOT = Path(__file__).resolve().parents[2]
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
        "listener": config.listener,
        # Only where it is so: features made before there was a choice stay what they are.
        **({"toned": True} if config.toned else {}),
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
