"""The audio networks on this machine's CPU: student, teacher and PyTorch side by side.

    python benchmarks/models/audio.py [--weights FILE] [--quick] [--json FILE]

Ten seconds of noise; log-mel and network apart, and both with what a grid of 8 frames a second
takes; PyTorch with the teacher's weights. All rounds are interleaved and medians reported, as
seconds of sound a second. PyTorch is skipped with a line where it is not installed (extra `bench`).
The last lines read `ratio NAME VALUE`: a peer's time over ours, or the teacher's over the
student's, so that more than 1 means ours, or the student, is faster.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from temporal_foley.models.audio import SAMPLE_RATE_HZ, load_teacher
from temporal_foley.models.audio.efficientat import block_shapes
from temporal_foley.models.audio.mel import kaldi_mel_bands, log_mel
from temporal_foley.models.audio.student import FOLD, load_student
from temporal_foley.timegrid import TimeGrid

SECONDS = 10
WIDTH = 0.4
MEL_TOLERANCE = 1e-3
LOGITS_TOLERANCE = 1e-2


def torch_peers(params: dict) -> tuple[Callable, Callable]:
    """Return log-mel and network written plainly in PyTorch, normalisation folded as in ours."""
    import torch
    from torch.nn import functional

    def weights(node: dict, *, is_linear: bool = False) -> tuple:
        kernel, bias = torch.tensor(np.array(node["kernel"])), torch.tensor(np.array(node["bias"]))
        if is_linear:
            return kernel.T.contiguous(), bias
        if kernel.ndim == 2:
            return kernel.T[:, :, None, None].contiguous(), bias
        return kernel.permute(2, 0, 1)[:, None].contiguous(), bias

    window = torch.hann_window(800, periodic=False)
    bands = torch.tensor(kaldi_mel_bands())

    def mel(wave: np.ndarray) -> np.ndarray:
        sound = torch.from_numpy(wave)
        sound = sound[:, 1:] - 0.97 * sound[:, :-1]
        spectrum = torch.stft(sound, 1024, 320, 800, window, return_complex=True)
        power = spectrum.real**2 + spectrum.imag**2
        return ((torch.log(bands @ power + 1e-5) + 4.5) / 5).numpy()

    shapes = block_shapes(WIDTH)
    blocks = [
        {
            name: weights(node)
            if name != "weigh"
            else tuple(weights(node[part], is_linear=True) for part in ("squeeze", "excite"))
            for name, node in params["blocks"][index].items()
        }
        for index in range(len(shapes))
    ]
    stem, head = weights(params["stem"]), weights(params["head"])
    hidden, readout = (weights(params[name], is_linear=True) for name in ("hidden", "readout"))

    def network(mel: np.ndarray) -> np.ndarray:
        maps = torch.from_numpy(mel)[:, None]
        maps = functional.hardswish(functional.conv2d(maps, *stem, stride=2, padding=1))
        for shape, block in zip(shapes, blocks, strict=True):
            act = functional.hardswish if shape.has_hard_swish else functional.relu
            wide = act(functional.conv2d(maps, *block["expand"])) if "expand" in block else maps
            wide = functional.conv2d(
                wide,
                *block["depthwise"],
                stride=shape.stride,
                padding=shape.size // 2,
                groups=shape.middle,
            )
            wide = act(wide)
            if "weigh" in block:
                squeeze, excite = block["weigh"]
                scale = functional.relu(functional.linear(wide.mean((2, 3)), *squeeze))
                wide = wide * functional.linear(scale, *excite).sigmoid()[:, :, None, None]
            narrow = functional.conv2d(wide, *block["project"])
            has_shortcut = shape.stride == 1 and shape.inputs == shape.outputs
            maps = maps + narrow if has_shortcut else narrow
        embedding = functional.hardswish(functional.conv2d(maps, *head)).mean((2, 3))
        return functional.linear(
            functional.hardswish(functional.linear(embedding, *hidden)), *readout
        ).numpy()

    def without_gradient(run: Callable) -> Callable:
        def listen(given: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return run(given)

        return listen

    return without_gradient(mel), without_gradient(network)


def medians(runs: dict[str, Callable], rounds: int) -> dict[str, float]:
    """Run all in turn, round after round, and return the median seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--quick", action="store_true", help="5 rounds instead of 31")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    teacher = load_teacher(options.weights)
    noise = np.random.default_rng(0).normal(0, 0.1, (1, SECONDS * SAMPLE_RATE_HZ))
    wave = noise.astype(np.float32)
    our_mel = jax.jit(log_mel)
    our_network = jax.jit(lambda params, mel: nnx.merge(teacher.graphdef, params)(mel).logits)
    mel = np.array(our_mel(wave))
    grid = TimeGrid.covering(SECONDS, 8)
    student = load_student()
    student_mel = jax.jit(partial(log_mel, fold=FOLD))
    student_network = jax.jit(lambda params, mel: nnx.merge(student.graphdef, params)(mel))
    folded = np.array(student_mel(wave))
    runs: dict[str, Callable] = {
        "mel": lambda: np.asarray(our_mel(wave)),
        "network": lambda: np.asarray(our_network(teacher.params, mel)),
        "frame_tags": lambda: teacher.frame_tags(wave[0], grid),
        "frames": lambda: teacher.frame_embeddings(wave[0], grid),
        "student_mel": lambda: np.asarray(student_mel(wave)),
        "student_network": lambda: np.asarray(student_network(student.params, folded)),
        "student_frames": lambda: student.frame_embeddings(wave[0], grid),
    }
    try:
        torch_mel, torch_network = torch_peers(teacher.params)
    except ImportError as error:
        print(f"skipped torch: {error}")
    else:
        runs["torch_mel"] = lambda: torch_mel(wave)
        runs["torch_network"] = lambda: torch_network(mel)
        if np.abs(runs["torch_mel"]() - mel).max() > MEL_TOLERANCE:
            sys.exit("torch: another log-mel")
        if np.abs(runs["torch_network"]() - runs["network"]()).max() > LOGITS_TOLERANCE:
            sys.exit("torch: other logits")
    seconds = medians(runs, 5 if options.quick else 31)
    for name, value in seconds.items():
        print(f"{name:15s}{SECONDS / value:8.0f} seconds of sound a second")
    if options.json:
        options.json.write_text(json.dumps({"seconds": seconds, "sound_s": SECONDS}, indent=1))
    for name, encoder in (("teacher", teacher), ("student", student)):
        count = sum(leaf.size for leaf in jax.tree.leaves(encoder.params))
        print(f"parameters {name} {count}")
    for name in ("mel", "network", "frames"):
        print(f"ratio {name}:teacher/student {seconds[name] / seconds[f'student_{name}']:.2f}")
    for name in ("mel", "network"):
        if f"torch_{name}" in seconds:
            print(f"ratio {name}:torch/ours {seconds[f'torch_{name}'] / seconds[name]:.2f}")


if __name__ == "__main__":
    main()
