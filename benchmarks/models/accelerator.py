"""Time training on whatever device JAX finds, as rows of a table for `docs/results/speed.md`.

    python -m benchmarks.models.accelerator [--quick] [--seconds 5] [--json FILE]

One update of the tagger (64 clips of 300 frames) with a GRU and with the parallel-scan minGRU, each
in float32 and bfloat16; a bidirectional layer of each cell by itself at 300 and 3,000 frames; one
end-to-end update of an EfficientNet-Lite0 backbone with the tagger (16 clips of 8 pictures at
224 px); and the input: reading batches of features and pictures, and moving them to the device.
Weights and data are random: only the shapes matter. A line is the median of as many calls as fit
into `--seconds`, so that all take less than ten minutes on one accelerator; `--quick` uses small
shapes, to try the script on a CPU.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from benchmarks.models.train import AUDIO, EFFECTS, VISUAL, layer_pass
from data_pipeline.builders.pictures import decode_still, encode_picture
from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import (
    VERSION,
    FeatureStore,
    begin,
    finish,
    shard_name,
    write_shard,
)
from data_pipeline.input.loader import InputConfig, make_plan, open_batches
from data_pipeline.schema import EffectEvent
from temporal_foley.effects import load_vocabulary
from temporal_foley.models.image.efficientnet_lite import EfficientNetLite
from temporal_foley.models.image.loaded import LoadedNetwork
from temporal_foley.models.image.preparation import prepare_image
from temporal_foley.models.tagging.recurrent import RecurrentConfig
from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.fine_tuning import (
    make_joint_loss,
    make_joint_optimizer,
    split_networks,
)
from temporal_foley.training.losses import LossConfig
from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
from temporal_foley.training.step import init_state, make_train_step
from temporal_foley.training.tagging import DropoutConfig, make_loss_fn, make_tagger

CELLS = ("gru", "mingru")
Run = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Shapes of what is timed."""

    clips: int = 64
    frames: int = 300
    picture_clips: int = 16
    pictures: int = 8
    size_px: int = 224


QUICK = Sizes(clips=4, frames=40, picture_clips=2, pictures=2, size_px=64)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small shapes, to try the script")
    parser.add_argument("--seconds", type=float, default=5.0, help="per line, after compilation")
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    sizes, seconds = (QUICK, min(words.seconds, 0.5)) if words.quick else (Sizes(), words.seconds)
    device = f"{jax.device_count()} x {jax.devices()[0].device_kind}"
    print(f"{device}, jax {jax.__version__}, {os.cpu_count()} CPU cores, {sizes}", flush=True)
    results: dict[str, dict[str, float]] = {}
    ms: dict[str, float] = {}
    print("| what | ms | first call, s |\n|---|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in parts(sizes, Path(folder)).items():
            with make() as run:
                results[name] = measure(run, seconds)
            # Batches that threads read ahead come several at a time, so a median means nothing.
            is_input = name.startswith("input")
            ms[name] = results[name]["mean_ms" if is_input else "median_ms"]
            print(f"| {name} | {ms[name]:.2f} | {results[name]['first_s']:.1f} |", flush=True)
    ratios = {
        f"bfloat16/float32 {cell}": ms[f"tagger step, {cell}, bfloat16"]
        / ms[f"tagger step, {cell}, float32"]
        for cell in CELLS
    }
    ratios |= {
        f"gru/mingru at {frames} frames": ms[f"layer, gru, {frames} frames"]
        / ms[f"layer, mingru, {frames} frames"]
        for frames in (sizes.frames, 10 * sizes.frames)
    }
    ratios["features read/tagger step"] = (
        ms["input: features of a batch"] / ms["tagger step, gru, float32"]
    )
    ratios["pictures read/end-to-end step"] = (
        ms["input: pictures of a batch"] / ms["end-to-end step, Lite0 and tagger"]
    )
    for name, value in ratios.items():
        print(f"ratio {name} {value:.2f}")
    if words.json:
        document = {"device": device, "sizes": dataclasses.asdict(sizes), "results": results}
        words.json.write_text(json.dumps({**document, "ratios": ratios}, indent=1) + "\n")


def measure(run: Run, seconds: float) -> dict[str, float]:
    """Return the median and mean time of a call, and that of the first one, which compiles."""
    began = time.perf_counter()
    run()
    first_s = time.perf_counter() - began
    times: list[float] = []
    while not times or (sum(times) < seconds and len(times) < 200):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return {
        "median_ms": 1000.0 * float(np.median(times)),
        "mean_ms": 1000.0 * float(np.mean(times)),
        "first_s": first_s,
        "calls": len(times),
    }


def parts(
    sizes: Sizes, folder: Path
) -> dict[str, Callable[[], contextlib.AbstractContextManager[Run]]]:
    """Return what is timed, by name; each is made when its turn comes."""
    batch = make_batch(sizes.clips, sizes.frames)
    found: dict[str, Callable[[], contextlib.AbstractContextManager[Run]]] = {}
    for cell in CELLS:
        for compute in ("float32", "bfloat16"):
            config = TaggerConfig(
                effects=EFFECTS,
                recurrent=RecurrentConfig(cell=cell),  # type: ignore[arg-type]
                compute=compute,
            )
            found[f"tagger step, {cell}, {compute}"] = lambda config=config: given(
                tagger_step(config, batch)
            )
    for frames in (sizes.frames, 10 * sizes.frames):
        for cell in CELLS:
            found[f"layer, {cell}, {frames} frames"] = lambda cell=cell, frames=frames: given(
                layer_pass(cell, frames)
            )
    found["end-to-end step, Lite0 and tagger"] = lambda: given(end_to_end_step(sizes))
    found["input: features of a batch"] = lambda: feature_input(sizes, folder)
    found["input: features to the device"] = lambda: given(
        lambda: jax.block_until_ready(jax.device_put(batch))
    )
    found["input: pictures of a batch"] = lambda: picture_input(sizes)
    return found


@contextlib.contextmanager
def given(run: Run) -> Iterator[Run]:
    """Yield what needs no cleaning up."""
    yield run


def make_batch(clips: int, frames: int) -> dict[str, np.ndarray]:
    """Make a full batch of random features and labels."""
    rng = np.random.default_rng(0)
    labels = (rng.random((clips, frames, EFFECTS)) < 0.1).astype(np.float32)
    return {
        "visual": rng.normal(size=(clips, frames, VISUAL)).astype(np.float16),
        "audio": rng.normal(size=(clips, frames, AUDIO)).astype(np.float16),
        "lengths": np.full(clips, frames, np.int32),
        "mask": np.ones((clips, frames), bool),
        "has_picture": np.ones(clips, bool),
        "has_sound": np.ones(clips, bool),
        "is_real": np.ones(clips, bool),
        "labels": labels,
        "known": np.ones(labels.shape, bool),
        "clip_labels": labels.max(axis=1),
        "clip_known": np.ones((clips, EFFECTS), bool),
    }


def tagger_step(config: TaggerConfig, batch: dict[str, np.ndarray]) -> Run:
    """Make one update of the tagger on a batch that is on the device already."""
    graphdef, params, statistics = make_tagger(config, jax.random.key(0))
    tx = make_optimizer(OptimizerConfig(), 1000)
    loss = make_loss_fn(graphdef, LossConfig(), DropoutConfig())
    step = make_train_step(loss, tx, jax.random.key(1))
    on_device = jax.device_put(batch)
    state = [init_state(params, statistics, tx)]

    def run() -> float:
        state[0], measured = step(state[0], on_device)
        return float(measured["loss"])

    return run


def end_to_end_step(sizes: Sizes) -> Run:
    """Make one update of a Lite0 backbone together with the tagger, on pictures."""
    graphdef, state = nnx.split(EfficientNetLite())
    rng = np.random.default_rng(1)
    params = jax.tree.map(
        lambda leaf: (0.02 * rng.standard_normal(leaf.shape)).astype(np.float32),
        nnx.to_pure_dict(state),
    )
    network = LoadedNetwork(
        graphdef=graphdef, params=params, sha256="", features=VISUAL, size_px=sizes.size_px
    )
    tagger, own, statistics = make_tagger(TaggerConfig(effects=EFFECTS), jax.random.key(0))
    split = split_networks(network, *nnx.split(nnx.merge(tagger, own, statistics)))
    tx = make_joint_optimizer(
        make_optimizer(OptimizerConfig(), 1000), make_optimizer(OptimizerConfig(), 1000)
    )
    step = make_train_step(
        make_joint_loss(split, LossConfig(), DropoutConfig()), tx, jax.random.key(1)
    )
    clips, pictures = sizes.picture_clips, sizes.pictures
    batch = make_batch(clips, pictures)
    del batch["visual"]
    on_device = jax.device_put(
        batch
        | {
            "images": rng.integers(
                0, 256, (clips, pictures, sizes.size_px, sizes.size_px, 3), np.uint8
            ),
            "pictures": np.full(clips, pictures, np.int32),
            "shown": np.tile(np.arange(pictures, dtype=np.int32), (clips, 1)),
        }
    )
    states = [init_state(split.params, split.statistics, tx)]

    def run() -> float:
        states[0], measured = step(states[0], on_device)
        return float(measured["loss"])

    return run


@contextlib.contextmanager
def feature_input(sizes: Sizes, folder: Path) -> Iterator[Run]:
    """Write features, and read batches of them as training does."""
    vocabulary = load_vocabulary()
    rng = np.random.default_rng(2)
    frames, count = sizes.frames, 2 * sizes.clips
    rate = Fraction(4)
    settings = {
        "version": VERSION,
        "source": "made",
        "items": count,
        "shards": 1,
        "items_per_shard": count,
        "frame_rate": str(rate),
        "backbone": "efficientnet_lite0",
        "aspect": "stretch",
        "listener": "student",
        "weights": {"backbone": "0" * 64, "listener": "0" * 64},
    }
    events = tuple(
        EffectEvent(effect=name, onset_s=1.0, offset_s=frames / 8, modality="both")
        for name in vocabulary.names[:3]
    )
    records = (
        FeatureRecord(
            id=str(number),
            source=str(number),
            sha256="0" * 64,
            frame_rate=rate,
            times_s=np.arange(frames) / float(rate),
            visual=rng.normal(size=(frames, VISUAL)).astype(np.float16),
            audio=rng.normal(size=(frames, AUDIO)).astype(np.float16),
            has_picture=True,
            has_sound=True,
            is_still=False,
            events=events,
            labelled=vocabulary.names,
        )
        for number in range(count)
    )
    begin(folder, settings)
    finish(folder, settings, [write_shard(folder, shard_name(0, 1), records)])
    store = FeatureStore(folder)
    config = InputConfig(batch_size=sizes.clips, lengths_frames=(frames,), epochs=1000)
    assert make_plan(store, config).batches_per_epoch == 2
    batches = open_batches(store, vocabulary, config)
    # What is read ahead would count as free.
    for _ in range(config.batches_ahead):
        next(batches)
    try:
        yield lambda: next(batches)
    finally:
        batches.close()


@contextlib.contextmanager
def picture_input(sizes: Sizes) -> Iterator[Run]:
    """Decode and scale the pictures of a batch, in as many threads as there are cores."""
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 256, (29, 29, 3), np.uint8)
    content = encode_picture(np.kron(rows, np.ones((8, 8, 1), np.uint8)))
    count = sizes.picture_clips * sizes.pictures

    def read(_: int) -> np.ndarray:
        return prepare_image(decode_still(content), sizes.size_px, "stretch")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield lambda: np.stack(list(pool.map(read, range(count))))


if __name__ == "__main__":
    main()
