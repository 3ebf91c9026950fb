"""The Beam side of feature extraction: numbers of shards in, finished shards on disk.

Each worker loads the networks once. A shard that is there already is left alone, so a run that was
killed goes on where it stood, and a bundle that a runner gives out twice does no harm.
"""

import dataclasses
import functools
import logging
import os
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import apache_beam as beam

from data_pipeline.features.extractor import Networks, extract
from data_pipeline.features.source import Source
from data_pipeline.features.store import read_note, shard_name, write_shard
from temporal_foley.models.audio.encoders import listen, load_encoder
from temporal_foley.models.bundle.bundle import load_bundle
from temporal_foley.models.bundle.bundle_backbone import load_bundle_backbone
from temporal_foley.models.compilation import enable_compilation_cache
from temporal_foley.models.image.backbone import load_backbone
from temporal_foley.models.image.preparation import Aspect

log = logging.getLogger(__name__)

Listener = Literal["teacher", "student"]

LISTENERS: tuple[Listener, ...] = ("teacher", "student")
_POLL_S = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractionConfig:
    """What is made of a source, and how it is cut into shards."""

    frame_rate: Fraction = Fraction(4)
    backbone: str = "efficientnet_lite0"
    aspect: Aspect = "stretch"
    listener: Listener = "teacher"
    """The audio network."""
    listener_weights: Path | None = None
    """A copy of its file; by default the downloaded one, or the one of the package."""
    bundle: Path | None = None
    """The bundle whose backbone looks, if it may have one of its own; the names are still told."""
    toned: bool = False
    """Look at pictures in shades of one colour: a second copy for training (`toned.py`)."""
    items_per_shard: int = 64

    def __post_init__(self) -> None:
        if not Fraction(1, 10) <= self.frame_rate <= 60:
            raise ValueError(f"frame_rate must be in [0.1, 60] Hz, got {self.frame_rate}")
        if self.listener not in LISTENERS:
            raise ValueError(
                f"listener must be one of {', '.join(LISTENERS)}, got {self.listener!r}"
            )
        if self.items_per_shard < 1:
            raise ValueError(f"items_per_shard must be at least 1, got {self.items_per_shard}")


def load_networks(config: ExtractionConfig) -> Networks:
    """Load the networks of a configuration."""
    enable_compilation_cache()
    if config.bundle is None:
        backbone = load_backbone(config.backbone, aspect=config.aspect)
    else:
        bundle = load_bundle(config.bundle)
        backbone = load_bundle_backbone(bundle, lambda: bundle)
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


def shard_count(source: Source, config: ExtractionConfig) -> int:
    """Return how many shards the features of a source fill."""
    return -(-len(source) // config.items_per_shard)


def make_shard(
    source: Source, config: ExtractionConfig, networks: Networks, folder: Path, number: int
) -> None:
    """Make a shard, unless it is there."""
    name = shard_name(number, shard_count(source, config))
    if read_note(folder, name) is not None:
        return
    first = number * config.items_per_shard
    indices = range(first, min(first + config.items_per_shard, len(source)))
    write_shard(folder, name, extract(source, indices, config.frame_rate, networks))
    log.info("wrote %s", name)


class MakeShards(beam.DoFn):
    """Make the shards whose numbers come in."""

    def __init__(
        self, source: Source, config: ExtractionConfig, folder: Path, driver: int | None = None
    ):
        self.source = source
        self.config = config
        self.folder = folder
        self.driver = driver
        """The process that started the run, if it is on the same machine."""
        self.networks: Networks | None = None

    def setup(self) -> None:
        """Load the networks, once a worker."""
        if self.driver is not None and os.name == "posix":
            threading.Thread(target=_end_with, args=(self.driver,), daemon=True).start()
        self.networks = load_networks(self.config)

    def process(self, number: int, *arguments: Any, **more: Any) -> Iterator[int]:
        """Make one shard."""
        assert self.networks is not None
        make_shard(self.source, self.config, self.networks, self.folder, number)
        yield number


def _end_with(process: int) -> None:
    """End this worker when the process that started the run is gone, even by SIGKILL."""
    while True:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(_POLL_S)
