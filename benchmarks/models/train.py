"""Time the training step beside the same model in PyTorch, and the recurrent cells.

    python benchmarks/models/train.py [--quick] [--json FILE]

The step: 16 clips of up to 300 frames, 1280 + 384 features, a branch for each, concatenated, one
bidirectional layer of 256 units each way, 20 effects, AdamW with clipping, dropout as in training.
PyTorch (its own extra: `pip install temporal-foley[bench]`) reads packed sequences, which is how it
keeps padding out; ours masks. All parts take turns in one process, and medians are reported. The
last lines read `ratio NAME VALUE`: how many times as long the other takes as ours.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from temporal_foley.models.tagging.fusion import FusionConfig
from temporal_foley.models.tagging.recurrent import RecurrentConfig, RecurrentLayer
from temporal_foley.models.tagging.tagger import TaggerConfig
from temporal_foley.training.losses import LossConfig
from temporal_foley.training.optimizer import OptimizerConfig, make_optimizer
from temporal_foley.training.step import init_state, make_train_step
from temporal_foley.training.tagging import DropoutConfig, make_loss_fn, make_tagger

BATCH, FRAMES, VISUAL, AUDIO, WIDTH, HIDDEN, EFFECTS = 16, 300, 1280, 384, 192, 256, 20
CELLS = ("gru", "lstm", "mingru")
LENGTHS = (300, 3000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 rounds, not 9")
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    batch = make_batch()
    parts: dict[str, Callable[[], None]] = {f"step {cell}": our_step(cell, batch) for cell in CELLS}
    try:
        parts |= {f"torch step {cell}": torch_step(cell, batch) for cell in ("gru", "lstm")}
    except ImportError:
        print("PyTorch is not installed: pip install temporal-foley[bench]")
    parts |= {f"layer {cell} {n}": layer_pass(cell, n) for n in LENGTHS for cell in CELLS}
    for part in parts.values():
        part()
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(3 if words.quick else 9):
        for name, part in parts.items():
            started = time.perf_counter()
            part()
            seconds[name].append(time.perf_counter() - started)
    ms = {name: 1000.0 * float(np.median(values)) for name, values in seconds.items()}
    for name, value in ms.items():
        print(f"{name:18s} {value:9.1f} ms")
    ratios = {
        f"torch/ours {cell}": ms[f"torch step {cell}"] / ms[f"step {cell}"]
        for cell in ("gru", "lstm")
        if f"torch step {cell}" in ms
    }
    for frames in LENGTHS:
        for cell in ("gru", "lstm"):
            name = f"{cell}/mingru at {frames} frames"
            ratios[name] = ms[f"layer {cell} {frames}"] / ms[f"layer mingru {frames}"]
    for name, value in ratios.items():
        print(f"ratio {name} {value:.2f}")
    if words.json:
        words.json.write_text(json.dumps({"ms": ms, "ratios": ratios}, indent=1))


def make_batch() -> dict[str, np.ndarray]:
    """Make clips of 60 to 300 frames."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(FRAMES // 5, FRAMES + 1, BATCH).astype(np.int32)
    lengths[0] = FRAMES
    labels = (rng.random((BATCH, FRAMES, EFFECTS)) < 0.1).astype(np.float32)
    return {
        "visual": rng.normal(size=(BATCH, FRAMES, VISUAL)).astype(np.float32),
        "audio": rng.normal(size=(BATCH, FRAMES, AUDIO)).astype(np.float32),
        "lengths": lengths,
        "mask": np.arange(FRAMES)[None] < lengths[:, None],
        "has_picture": np.ones(BATCH, bool),
        "has_sound": np.ones(BATCH, bool),
        "is_real": np.ones(BATCH, bool),
        "labels": labels,
        "known": np.ones(labels.shape, bool),
        "clip_labels": labels.max(axis=1),
        "clip_known": np.ones((BATCH, EFFECTS), bool),
    }


def our_step(cell: str, batch: dict[str, np.ndarray]) -> Callable[[], None]:
    """Make one update of our tagger."""
    config = TaggerConfig(
        effects=EFFECTS,
        fusion=FusionConfig(width=WIDTH),
        recurrent=RecurrentConfig(cell=cell, hidden=HIDDEN),  # type: ignore[arg-type]
    )
    graphdef, params, statistics = make_tagger(config, jax.random.key(0))
    tx = make_optimizer(OptimizerConfig(), 1000)
    # The peer has no loss of whole clips and leaves no modality out.
    loss = make_loss_fn(graphdef, LossConfig(clip_weight=0.0), DropoutConfig(picture=0, sound=0))
    step = make_train_step(loss, tx, jax.random.key(1))
    on_device = jax.device_put(batch)
    state = [init_state(params, statistics, tx)]

    def run() -> None:
        state[0], measured = step(state[0], on_device)
        float(measured["loss"])

    return run


def layer_pass(cell: str, frames: int) -> Callable[[], None]:
    """Make one pass forward and back through a bidirectional layer."""
    layer = RecurrentLayer(cell, HIDDEN, HIDDEN, rngs=nnx.Rngs(0))  # type: ignore[arg-type]
    graphdef, params = nnx.split(layer)
    batch = 4 if frames > FRAMES else BATCH
    rows = jax.random.normal(jax.random.key(0), (batch, frames, HIDDEN))
    lengths = jnp.full(batch, frames)

    @jax.jit
    def grad(params: nnx.State) -> nnx.State:
        def loss(params: nnx.State) -> jax.Array:
            return jnp.mean(nnx.merge(graphdef, params)(rows, lengths) ** 2)

        return jax.grad(loss)(params)

    return lambda: jax.block_until_ready(grad(params))


def torch_step(cell: str, batch: dict[str, np.ndarray]) -> Callable[[], None]:
    """Make one update of the same model in PyTorch."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    class Peer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.video = nn.Sequential(nn.Dropout(0.3), nn.Linear(VISUAL, WIDTH), nn.GELU())
            self.audio = nn.Sequential(nn.Dropout(0.3), nn.Linear(AUDIO, WIDTH), nn.GELU())
            kind = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
            self.layer = kind(2 * WIDTH, HIDDEN, batch_first=True, bidirectional=True)
            self.dropout = nn.Dropout(0.2)
            self.readout = nn.Linear(2 * WIDTH + 2 * HIDDEN, EFFECTS)

        def forward(self, visual, audio, lengths):  # type: ignore[no-untyped-def]
            rows = torch.cat([self.video(visual), self.audio(audio)], -1)
            packed = pack_padded_sequence(
                self.dropout(rows), lengths, batch_first=True, enforce_sorted=False
            )
            states, _ = self.layer(packed)
            states, _ = pad_packed_sequence(states, batch_first=True, total_length=rows.shape[1])
            return self.readout(self.dropout(torch.cat([rows, states], -1)))

    model = Peer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    data = {name: torch.from_numpy(np.asarray(value)) for name, value in batch.items()}
    lengths = data["lengths"].to(torch.int64)
    mask = data["mask"][..., None].float()

    def run() -> None:
        optimizer.zero_grad()
        logits = model(data["visual"], data["audio"], lengths)
        cells = nn.functional.binary_cross_entropy_with_logits(
            logits, data["labels"], reduction="none"
        )
        loss = (cells * mask).sum() / (mask.sum() * EFFECTS)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()

    return run


if __name__ == "__main__":
    main()
