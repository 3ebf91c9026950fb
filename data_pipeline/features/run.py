"""Make the features of a source in a folder with Apache Beam, resuming what an earlier run left.

Shards do not depend on the number of workers. Each worker loads the networks once. A finished shard
is kept, so a run that was killed resumes, and a shard that a runner hands out twice does no harm.
"""

import contextlib
import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from data_pipeline.features.extractor import Networks, extract
from data_pipeline.features.source import FeatureSource
from data_pipeline.features.store import (
    VERSION,
    FeatureStore,
    begin,
    finish,
    read_note,
    shard_name,
    write_shard,
)
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.models.audio.encoders import listen, load_encoder
from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.models.compilation import enable_compilation_cache
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.image.preparation import Aspect

Listener = Literal["teacher", "student"]

LISTENERS: tuple[Listener, ...] = ("teacher", "student")
ROOT = Path(__file__).resolve().parents[2]
_POLL_S = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractionConfig:
    """The networks that make features, and the size of shards."""

    frame_rate: Fraction = Fraction(4)
    backbone: str = "efficientnet_lite0"
    aspect: Aspect = "stretch"
    listener: Listener = "teacher"
    """The audio network."""
    listener_weights: Path | None = None
    """A copy of its file; by default the downloaded one, or the one of the package."""
    bundle: Path | None = None
    """Bundle whose backbone is used, if it has its own; the fields above must agree with it."""
    toned: bool = False
    """Convert pictures to shades of one colour: a second copy for training (`toned.py`)."""
    items_per_shard: int = 64

    def __post_init__(self) -> None:
        if not Fraction(1, 10) <= self.frame_rate <= 60:
            raise ValueError(f"frame_rate must be in [0.1, 60] Hz, got {self.frame_rate}")
        if self.listener not in LISTENERS:
            known = ", ".join(LISTENERS)
            raise ValueError(f"listener must be one of {known}, got {self.listener!r}")
        if self.items_per_shard < 1:
            raise ValueError(f"items_per_shard must be at least 1, got {self.items_per_shard}")


def extract_features(
    source: FeatureSource,
    folder: Path,
    config: ExtractionConfig,
    *,
    beam_flags: Sequence[str] = (),
    workers: int = 0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureStore:
    """Make the features of a source, or those that are missing.

    Args:
        source: The examples.
        folder: Output; all workers must reach it under this name.
        config: Networks and shards.
        beam_flags: A runner and its flags; without them this machine.
        workers: Processes on this machine; 0 is one per core, 1 is this process.
        overwrite: Replace features of another source or configuration.
        progress: Called now and then with the numbers of finished and of all shards.
    """
    if len(source) == 0:
        raise UsageError("there is nothing to extract features from; name a folder with examples")
    settings = {
        "version": VERSION,
        "source": source.digest,
        "items": len(source),
        "shards": shard_count(source, config),
        "items_per_shard": config.items_per_shard,
        "frame_rate": str(config.frame_rate),
        "backbone": config.backbone,
        "aspect": config.aspect,
        "listener": config.listener,
        # Only if set: older features have no such entry.
        **({"toned": True} if config.toned else {}),
        "weights": dict(load_networks(config).sha256),
    }
    begin(folder, settings, overwrite=overwrite)
    shards = [shard_name(i, settings["shards"]) for i in range(settings["shards"])]
    waiting = [i for i, name in enumerate(shards) if read_note(folder, name) is None]
    if waiting:
        driver = None if beam_flags else os.getpid()
        flags = list(beam_flags) or local_flags(workers)
        with importable(), _watching(folder, shards, progress):
            pipeline = beam.Pipeline(options=PipelineOptions(flags))
            _ = (
                pipeline
                | "Shards" >> beam.Create(waiting)
                | "Spread" >> beam.Reshuffle()
                | "Make" >> beam.ParDo(MakeShards(source, config, folder.resolve(), driver))
            )
            run_pipeline(pipeline, folder)
    notes = [read_note(folder, name) for name in shards]
    missing = [name for name, note in zip(shards, notes, strict=True) if note is None]
    if missing:
        raise FoleyError("was not made", path=folder / missing[0], remedy="run the command again")
    finish(folder, settings, [note for note in notes if note is not None])
    return FeatureStore(folder)


@functools.lru_cache(maxsize=2)
def load_networks(config: ExtractionConfig) -> Networks:
    """Load the networks of a configuration, once per process."""
    enable_compilation_cache()
    if config.bundle is None:
        backbone = load_backbone(config.backbone, aspect=config.aspect)
    else:
        backbone = load_bundle(config.bundle).load_backbone()
    listener = load_encoder(config.listener, config.listener_weights)
    return Networks(
        prepare=backbone.prepare,
        look=lambda images: backbone(images).features,
        listen=functools.partial(listen, listener),
        visual_features=backbone.network.features,
        audio_features=listener.features,
        sha256={"backbone": backbone.sha256, "listener": listener.sha256},
        toned=config.toned,
    )


def shard_count(source: FeatureSource, config: ExtractionConfig) -> int:
    """Return the number of shards of a source."""
    return -(-len(source) // config.items_per_shard)


def make_shard(
    source: FeatureSource, config: ExtractionConfig, networks: Networks, folder: Path, number: int
) -> None:
    """Make a shard, unless it exists."""
    name = shard_name(number, shard_count(source, config))
    if read_note(folder, name) is None:
        first = number * config.items_per_shard
        indices = range(first, min(first + config.items_per_shard, len(source)))
        write_shard(folder, name, extract(source, indices, config.frame_rate, networks))


class MakeShards(beam.DoFn):
    """Make the shards of given numbers."""

    def __init__(
        self,
        source: FeatureSource,
        config: ExtractionConfig,
        folder: Path,
        driver: int | None = None,
    ):
        self.source = source
        self.config = config
        self.folder = folder
        self.driver = driver
        """The process that started the run, if it is on the same machine."""

    def setup(self) -> None:
        """Load the networks, and end with the driver."""
        if self.driver not in (None, os.getpid()) and os.name == "posix":
            threading.Thread(target=_end_with, args=(self.driver,), daemon=True).start()
        load_networks(self.config)

    def process(self, number: int, *arguments: Any, **more: Any) -> Iterator[int]:
        """Make one shard."""
        make_shard(self.source, self.config, load_networks(self.config), self.folder, number)
        yield number


def local_flags(workers: int) -> list[str]:
    """Return the flags for processes on this machine; 0 is one per core, 1 is this process."""
    # Beam's own DirectRunner first tries to download another runner, written in Go.
    mode = "in_memory" if workers == 1 else "multi_processing"
    return [
        "--runner=FnApiRunner",
        f"--direct_running_mode={mode}",
        f"--direct_num_workers={workers}",
        "--default_sdk_harness_log_level=ERROR",
    ]


def run_pipeline(pipeline: beam.Pipeline, folder: Path) -> None:
    """Run a pipeline to its end.

    Raises:
        FoleyError: A worker failed; the message is its last line.
    """
    try:
        pipeline.run().wait_until_finish()
    except (RuntimeError, OSError, ValueError) as error:
        # Beam's message is long; its last line is that of the worker.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        last = lines[-1] if lines else "a worker ended"
        raise FoleyError(
            f"the run failed ({last})", path=folder, remedy="run it again to resume"
        ) from error


def _end_with(process: int) -> None:
    """End this worker when the process that started the run is gone, even by SIGKILL."""
    while True:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(_POLL_S)


@contextlib.contextmanager
def importable() -> Iterator[None]:
    """Let worker processes import this package, whatever the working directory."""
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
    """Report the number of finished shards, whatever runner makes them."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        reported = -1
        while not ended.wait(_POLL_S):
            done = sum((folder / name).with_suffix(".json").is_file() for name in shards)
            if done != reported:
                progress(done, len(shards))
                reported = done

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
