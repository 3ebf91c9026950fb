"""Features with Beam on all cores beside a plain loop in one process, and the same bytes from both.

    python benchmarks/media/features.py --listener-weights FILE [--quick] [--json FILE]

Media are made by the benchmark: clips with sound, of 320 x 240 pixels. Both kinds of run are
processes of their own, take turns and pay for their start; the time of a start is measured with a
single clip and taken off, so that `steady` is what a long run tends to. The networks use threads,
so that the plain loop is busy on all cores too, but while it decodes. The last lines read
`ratio NAME VALUE`: more than 1 means that Beam is faster.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ, SOUND_RATE_HZ = 25, 48_000
RUN = """
import sys
from pathlib import Path
from data_pipeline.annotations.records import AnnotatedClip
from data_pipeline.features.source import MediaSource
from data_pipeline.features.run import ExtractionConfig
from data_pipeline.features.run import extract_features
kind, folder, out, weights, clips = sys.argv[1:]
names = [path.name for path in sorted(Path(folder).glob("*.mp4"))][: int(clips)]
source = MediaSource(folder, tuple(AnnotatedClip(source=name, clip=name) for name in names))
config = ExtractionConfig(listener_weights=Path(weights), items_per_shard=4)
store = extract_features(source, Path(out), config, workers=int(kind.removeprefix("workers_")))
print(sum(store.frames), store.sha256)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listener-weights", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="1 round of 16 clips, not 3 of 32")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    clips, rounds = (16, 1) if arguments.quick else (32, 3)
    kinds = ("plain", "beam_1", f"beam_{os.cpu_count()}")
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    starts: dict[str, list[float]] = {kind: [] for kind in kinds}
    results = set()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number in range(clips):
            write_clip(folder / f"{number:03d}.mp4", number)
        weights = arguments.listener_weights.resolve()
        # Compiled once, so that no round pays for it.
        run("plain", folder, weights, clips)
        for _ in range(rounds):
            for kind in kinds:
                starts[kind].append(run(kind, folder, weights, 1)[0])
                seconds, frames, result = run(kind, folder, weights, clips)
                times[kind].append(seconds)
                results.add((frames, result))
    if len(results) != 1:
        sys.exit(f"the runs differ: {results}")
    frames = results.pop()[0]
    whole = {kind: statistics.median(values) for kind, values in times.items()}
    start = {kind: statistics.median(values) for kind, values in starts.items()}
    steady = {kind: max(whole[kind] - start[kind], 1e-9) for kind in kinds}
    print(f"{clips} clips, {frames} frames with sound; every run gave the same bytes")
    for kind in kinds:
        rate = frames * (clips - 1) / clips / steady[kind]
        print(f"{kind:8s} {whole[kind]:7.1f} s, start {start[kind]:5.1f} s, {rate:6.1f} frames/s")
    if arguments.json:
        document = {"frames": frames, "whole_s": times, "start_s": starts}
        arguments.json.write_text(json.dumps(document, indent=1))
    for kind in kinds[1:]:
        print(f"ratio whole:plain/{kind} {whole['plain'] / whole[kind]:.2f}")
        print(f"ratio steady:plain/{kind} {steady['plain'] / steady[kind]:.2f}")


def run(kind: str, folder: Path, weights: Path, clips: int) -> tuple[float, int, str]:
    """Return the seconds of a run, its frames and the hash of all that it left."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "features"
        words = [kind, str(folder), str(out), str(weights), str(clips)]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", RUN, *words], cwd=ROOT, capture_output=True, text=True
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(done.stderr)
        digest = hashlib.sha256()
        for path in sorted(out.iterdir()):
            digest.update(path.name.encode() + path.read_bytes())
        return seconds, int(done.stdout.split()[-2]), digest.hexdigest()


def write_clip(path: Path, seed: int) -> None:
    """Write ten seconds of moving stripes with noise for a sound."""
    random = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE_HZ, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        track = container.add_stream("aac", rate=SOUND_RATE_HZ)
        track.codec_context.layout = "mono"
        stripes = random.integers(0, 256, (240, 320, 3), np.uint8).repeat(4, axis=1)
        for number in range(10 * RATE_HZ):
            image = np.ascontiguousarray(stripes[:, number : number + 320])
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        for first in range(0, 10 * SOUND_RATE_HZ, 1024):
            samples = (0.1 * random.standard_normal((1, 1024))).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.sample_rate, frame.pts = SOUND_RATE_HZ, first
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


if __name__ == "__main__":
    main()
