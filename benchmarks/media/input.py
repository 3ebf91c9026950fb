"""Batches a second from cached features against what a head needs; what augmentation adds.

    python benchmarks/media/input.py [--quick] [--json FILE]

The features are random numbers in a store of this program's own, 40 frames a clip (ten seconds at
4 Hz), 16 clips a batch. The head is a dense layer and a bidirectional LSTM of 256 units, one
training step of it forward and back. All parts take turns and medians are reported. The last lines
read `ratio NAME VALUE`: `input/step` is how many times faster batches come than they are used.
"""

import argparse
import functools
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import FeatureStore, begin, finish, write_shard
from data_pipeline.input.augment import augment_pictures, augment_sounds, mask_mels, mix_clips
from data_pipeline.input.loader import InputConfig, load_batch, make_plan, open_batches
from data_pipeline.schema import EffectEvent
from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.models.audio.mel import log_mel
from temporal_foley.models.image.backbone import load_backbone

CLIPS, FRAMES, BATCH, HIDDEN = 256, 40, 16, 256


class Head(nnx.Module):
    """What uses the batches: joined features in, a logit an effect and frame out."""

    def __init__(self, features: int, effects: int, *, rngs: nnx.Rngs):
        self.join = nnx.Linear(features, 2 * HIDDEN, rngs=rngs)
        cell = functools.partial(nnx.OptimizedLSTMCell, 2 * HIDDEN, HIDDEN, rngs=rngs)
        self.ahead = nnx.RNN(cell(), rngs=False)
        self.behind = nnx.RNN(cell(), reverse=True, keep_order=True, rngs=False)
        self.readout = nnx.Linear(2 * HIDDEN, effects, rngs=rngs)

    def __call__(self, batch: dict) -> jax.Array:
        rows = jnp.concatenate([batch["visual"], batch["audio"]], -1).astype(jnp.float32)
        rows = nnx.relu(self.join(rows))
        zeros = jnp.zeros((rows.shape[0], HIDDEN))
        both = [
            part(rows, initial_carry=(zeros, zeros), seq_lengths=batch["lengths"])
            for part in (self.ahead, self.behind)
        ]
        return self.readout(jnp.concatenate(both, -1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 rounds, not 11")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    vocabulary = load_vocabulary()
    with tempfile.TemporaryDirectory() as place:
        store = make_store(Path(place) / "features")
        parts, sizes = make_parts(store, vocabulary)
        for part in parts.values():
            part()
        times: dict[str, list[float]] = {name: [] for name in parts}
        for _ in range(3 if arguments.quick else 11):
            for name, part in parts.items():
                started = time.perf_counter()
                part()
                times[name].append((time.perf_counter() - started) / sizes.get(name, 1))
    ms = {name: 1000 * float(np.median(values)) for name, values in times.items()}
    for name, value in ms.items():
        print(f"{name:20s} {value:9.2f} ms {'a batch' if 'pictures' not in name else 'a frame'}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"ms": ms}, indent=1))
    print(f"ratio input/step {ms['step'] / ms['input']:.2f}")
    print(f"ratio input/plain_loop {ms['plain_loop'] / ms['input']:.2f}")
    for name in ("mix_clips", "sounds", "mel_masks"):
        print(f"ratio cost:{name}/step {ms[name] / ms['step']:.3f}")
    print(f"ratio cost:pictures/backbone {ms['pictures'] / ms['backbone_pictures']:.3f}")


def make_parts(
    store: FeatureStore, vocabulary: Vocabulary
) -> tuple[dict[str, Callable[[], object]], dict[str, int]]:
    """Return what is measured, and by how much each time is to be divided."""
    config = InputConfig(batch_size=BATCH, lengths_frames=(FRAMES,), epochs=1_000_000)
    plan = make_plan(store, config)
    threaded = open_batches(store, vocabulary, config)
    numbers = itertools.count()
    batch = jax.device_put(next(threaded))
    key = jax.random.key(0)
    head = Head(1280 + 384, len(vocabulary), rngs=nnx.Rngs(0))
    graphdef, params = nnx.split(head)

    @jax.jit
    def step(params: nnx.State, batch: dict) -> nnx.State:
        def loss(params: nnx.State) -> jax.Array:
            logits = nnx.merge(graphdef, params)(batch)
            cells = jnp.logaddexp(0.0, logits) - logits * batch["labels"]
            return jnp.sum(cells * batch["known"])

        return jax.grad(loss)(params)

    random = np.random.default_rng(0)
    clips = random.integers(0, 256, (2, FRAMES, 224, 224, 3), np.uint8)
    waves = random.standard_normal((BATCH, 10 * 32_000)).astype(np.float32)
    mels = jax.jit(log_mel)(waves)
    backbone = load_backbone()
    warp, mix, mask = jax.jit(augment_pictures), jax.jit(mix_clips), jax.jit(mask_mels)
    sounds = jax.jit(augment_sounds, static_argnums=2)

    def plain_loop() -> object:
        return load_batch(store, plan[next(numbers)], slice(0, BATCH), vocabulary, config)

    def read_some() -> None:
        # More than are read ahead, so that none of them came for nothing.
        for _ in range(4 * config.batches_ahead):
            next(threaded)

    parts = {
        "input": read_some,
        "plain_loop": plain_loop,
        "step": lambda: jax.block_until_ready(step(params, batch)),
        "mix_clips": lambda: jax.block_until_ready(mix(key, batch)),
        "sounds": lambda: jax.block_until_ready(sounds(key, waves, 32_000)),
        "mel_masks": lambda: jax.block_until_ready(mask(key, mels)),
        "pictures": lambda: jax.block_until_ready(warp(key, clips)),
        "backbone_pictures": lambda: backbone(clips[0]),
    }
    sizes = {
        "input": 4 * config.batches_ahead,
        "pictures": 2 * FRAMES,
        "backbone_pictures": FRAMES,
    }
    return parts, sizes


def make_store(folder: Path) -> FeatureStore:
    """Write a store of random features."""
    begin(folder, {})
    shards = 4
    notes = [
        write_shard(folder, f"features-{i:05d}-of-{shards:05d}.array_record", records(i, shards))
        for i in range(shards)
    ]
    finish(folder, {}, notes)
    return FeatureStore(folder)


def records(shard: int, shards: int) -> Iterator[FeatureRecord]:
    """Make the records of a shard."""
    random = np.random.default_rng(shard)
    for number in range(CLIPS // shards):
        yield FeatureRecord(
            id=f"{shard}-{number}",
            source=f"{shard}-{number}",
            sha256="",
            frame_rate=Fraction(4),
            times_s=np.arange(FRAMES) / 4,
            visual=random.random((FRAMES, 1280), np.float32).astype(np.float16),
            audio=random.random((FRAMES, 384), np.float32).astype(np.float16),
            has_picture=True,
            has_sound=True,
            events=(EffectEvent(effect="fire", onset_s=2.0, offset_s=4.0),),
            labelled=("fire",),
        )


if __name__ == "__main__":
    main()
