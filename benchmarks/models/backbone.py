"""Time EfficientNet-Lite0 on this machine's CPU, ours and those of other packages.

    python benchmarks/models/backbone.py [--quick] [--json FILE]

Pictures of 224 x 224 pixels, the same weights everywhere, 16 to a call. All rounds are interleaved
and medians reported, as milliseconds a picture of wall clock and of processor time. A peer that is
not installed (extra `bench`) is skipped with a line. The last lines read `ratio NAME VALUE`: a
peer's time over ours, so that more than 1 means ours is faster.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from backbone_peers import onnx_runtime, openvino, plain_flax, torch_eager

from temporal_foley.models.image.backbone import load_backbone

TOLERANCE = 1e-3
BATCH = 16
START = """
import sys, time
started = time.perf_counter()
from pathlib import Path
import numpy as np
from temporal_foley.models.compilation import enable_compilation_cache
from temporal_foley.models.image.backbone import load_backbone
enable_compilation_cache(Path(sys.argv[1]))
backbone = load_backbone()
backbone(np.zeros((1, 224, 224, 3), np.uint8))
print(time.perf_counter() - started)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 rounds, and not the slow peers")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    backbone = load_backbone()
    params, size_px = backbone.network.params, backbone.input_size_px
    peers = {
        "onnx_runtime": lambda: onnx_runtime(params, size_px),
        "openvino": lambda: openvino(params, size_px),
    }
    if not arguments.quick:
        peers["torch"] = lambda: torch_eager(params, size_px)
        peers["plain_flax_folded"] = lambda: plain_flax(params, is_folded=True)
        peers["plain_flax"] = lambda: plain_flax(params, is_folded=False)
    looks = {"ours": lambda images: backbone(images).logits}
    for name, build in peers.items():
        try:
            looks[name] = build()
        except ImportError as error:
            print(f"skipped {name}: {error}")
    images = np.random.default_rng(0).integers(0, 256, (BATCH, size_px, size_px, 3), np.uint8)
    expected = looks["ours"](images)
    for name, look in looks.items():
        error = float(np.abs(look(images) - expected).max())
        if error > TOLERANCE:
            sys.exit(f"{name}: logits differ by {error}")
    wall_ms, cpu_ms = measure(looks, images, rounds=3 if arguments.quick else 15)
    first_s, second_s = starts()
    print(f"{'':20s}{'wall ms':>10s}{'cpu ms':>10s}   a picture, medians")
    for name in looks:
        print(f"{name:20s}{wall_ms[name]:10.2f}{cpu_ms[name]:10.2f}")
    print(f"first picture from a new process: {first_s:.1f} s, with compiled code {second_s:.1f} s")
    if arguments.json:
        times = {"wall_ms": wall_ms, "cpu_ms": cpu_ms, "first_s": first_s, "second_s": second_s}
        arguments.json.write_text(json.dumps(times, indent=1))
    for name in looks:
        if name != "ours":
            print(f"ratio wall:{name}/ours {wall_ms[name] / wall_ms['ours']:.2f}")
            print(f"ratio cpu:{name}/ours {cpu_ms[name] / cpu_ms['ours']:.2f}")
    print(f"ratio start:first/second {first_s / second_s:.2f}")


def measure(looks: dict, images: np.ndarray, rounds: int) -> tuple[dict, dict]:
    """Return the median wall and processor milliseconds a picture of each."""
    wall = {name: [] for name in looks}
    cpu = {name: [] for name in looks}
    for _ in range(rounds):
        for name, look in looks.items():
            started = time.perf_counter(), time.process_time()
            look(images)
            wall[name].append(time.perf_counter() - started[0])
            cpu[name].append(time.process_time() - started[1])
    return tuple(
        {name: 1000 * float(np.median(times)) / len(images) for name, times in kind.items()}
        for kind in (wall, cpu)
    )


def starts() -> tuple[float, float]:
    """Return the seconds to the first picture of a process, without and with compiled code."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            subprocess.run([sys.executable, "-c", START, folder], check=True, capture_output=True)
            for _ in range(2)
        ]
    return float(runs[0].stdout), float(runs[1].stdout)


if __name__ == "__main__":
    main()
