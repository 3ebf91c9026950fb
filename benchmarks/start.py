"""How soon the command answers: `tag` and `generate` of a short clip in new processes.

    python benchmarks/start.py CLIP [--runs 5] [--json FILE] [--peers] [--cold]

Runs, in turn and each in a process of its own, medians of wall clock, processor time and peak
memory: plain decoding with PyAV; `tag` and `generate` with stored programs (the analysis of the
video is not kept: `--no-cache`); the same with a kept analysis; with `--cold`, a first start with
an empty cache, which compiles all; with `--peers`, what one would pick instead for the pictures
alone: the first report's way (ResNet152V2 on every frame, with drawn weights), and the same network
in ONNX Runtime and OpenVINO at the same pictures. The first line states the load of the machine.
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
DECODE = """
import sys, av
with av.open(sys.argv[1]) as container:
    container.streams.video[0].thread_type = "AUTO"
    print(sum(1 for _ in container.decode(video=0)))
"""
PEER = """
import sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
import numpy as np
from temporal_foley.media.video import probe_video, sample_frames
from temporal_foley.models.image.preparation import prepare_image
from temporal_foley.timegrid import TimeGrid
info = probe_video(Path(sys.argv[1]))
name = sys.argv[2]
rate = info.video_rate if name == "resnet152v2" else 4
grid = TimeGrid.covering(info.duration, rate)
frames = sample_frames(info, grid, lambda image: prepare_image(image, 224, "stretch"))
if name == "resnet152v2":
    import jax
    from flax import nnx
    from temporal_foley.models.image.inference import Inference
    from temporal_foley.models.image.releases import RESNET_DEPTHS
    from temporal_foley.models.image.resnet_v2 import ResNetV2
    from temporal_foley.models.programs.program import flattened
    graphdef, state = nnx.split(ResNetV2(RESNET_DEPTHS[name]))
    weights = flattened(nnx.to_pure_dict(state))
    inference = Inference(lambda: graphdef, weights, settings=name)
    look = lambda images: inference.run(images)[1]
else:
    import backbone_peers
    from temporal_foley.models.image.backbone import load_backbone
    look = getattr(backbone_peers, name)(load_backbone().network.params, 224)
waiting, count = [], 0
for frame in frames:
    waiting.append(frame.image)
    if len(waiting) == 16:
        look(np.stack(waiting)); count += 16; waiting = []
if waiting:
    look(np.stack([*waiting, *[waiting[-1]] * (16 - len(waiting))])); count += len(waiting)
print(count)
"""
PEERS = ("resnet152v2", "onnx_runtime", "openvino")


@dataclasses.dataclass(frozen=True)
class Run:
    """One process: wall clock, processor time, and the most memory that it held."""

    seconds: float
    cpu_s: float
    peak_mb: float

    def row(self) -> str:
        """Return the figures as part of a table."""
        return f"{self.seconds:7.2f} s {self.cpu_s:7.2f} s of CPU {self.peak_mb:6.0f} MB"


def median_of(runs: Sequence[Run]) -> Run:
    """Return the median of each figure."""
    fields = [field.name for field in dataclasses.fields(Run)]
    return Run(*(statistics.median(getattr(run, field) for run in runs) for field in fields))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--cold", action="store_true")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measured = measure(words.clip, Path(name), words.runs, peers=words.peers, cold=words.cold)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}, {words.runs} runs in turn, {words.clip.name}")
    figures = {}
    for what, runs in measured.items():
        run = median_of(runs)
        figures[what] = dataclasses.astuple(run)
        print(f"median {what:14} {run.row()}")
    if words.json:
        words.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(
    clip: Path, folder: Path, runs: int, *, peers: bool, cold: bool
) -> dict[str, list[Run]]:
    """Run everything in turn, after one run of each that is not counted."""
    foley = [sys.executable, "-m", "temporal_foley"]
    clip = clip.resolve()

    def command(verb: str, *more: str) -> list[str]:
        return [*foley, verb, str(clip), "--out", str(folder / verb), "--overwrite", *more]

    warm = {
        "decode": [sys.executable, "-c", DECODE, str(clip)],
        "tag": command("tag", "--no-cache"),
        "generate": command("generate", "--no-cache"),
        "tag again": command("tag"),
        "generate again": command("generate"),
    }
    if peers:
        for name in PEERS:
            warm[name] = [sys.executable, "-c", PEER, str(clip), name, str(HERE / "models")]
    measured: dict[str, list[Run]] = {}
    if cold:
        empty = {"TEMPORAL_FOLEY_CACHE": str(folder / "empty")}
        measured["tag, cold"] = [run_alone(command("tag", "--no-cache"), empty)]
    skipped: set[str] = set()
    for number in range(runs + 1):
        for what, words in warm.items():
            if what in skipped:
                continue
            try:
                run = run_alone(words)
            except subprocess.CalledProcessError as error:
                if what not in PEERS:
                    raise
                print(f"skipped {what}: exit code {error.returncode}")
                skipped.add(what)
                continue
            if number:
                measured.setdefault(what, []).append(run)
    return measured


def run_alone(command: list[str], more: dict[str, str] | None = None) -> Run:
    """Run a command to its end; the system counts its time and memory."""
    environment = {**os.environ, **(more or {})}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command[:4])
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, kilobytes / 1024)


if __name__ == "__main__":
    main()
