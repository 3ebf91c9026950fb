"""The whole command against plain decoding: 60 s (and 10 min) of 1080p H.264, medians and memory.

    python benchmarks/generate.py [--quick] [--json FILE] [--minutes 1 10]

Makes a clip of photographs in motion with grain (so that it costs what filmed pictures cost to
decode), then runs, in turn and each in a process of its own: decoding every picture with PyAV on
all cores and nothing else; `temporal-foley generate`; and the same with a kept analysis, as after
a change of the mix. The last lines read `ratio NAME VALUE`.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from start import DECODE, Run, median_of, run_alone

if TYPE_CHECKING:
    import av
    import numpy as np

WIDTH, HEIGHT, RATE = 1920, 1080, 25
SHOT_S = 4
PICTURES = ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "motorcycle_left.png")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one run of a 10 s clip")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 10.0])
    parser.add_argument("--runs", type=int, default=3)
    words = parser.parse_args()
    minutes, runs = ([1 / 6], 1) if words.quick else (words.minutes, words.runs)

    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for length in minutes:
            clip = folder / f"clip_{length:g}min.mp4"
            # In a process of its own: a child's peak memory is at least its parent's size.
            maker = multiprocessing.get_context("spawn").Process(
                target=make_clip, args=(clip, length * 60)
            )
            maker.start()
            maker.join()
            title = f"{length * 60:.0f}s"
            print(f"{title}: {clip.stat().st_size / 1e6:.1f} MB of 1080p H.264 at {RATE} Hz")
            measured = measure(clip, folder, runs if length <= 2 else 1)
            for what, all_runs in measured.items():
                run = median_of(all_runs)
                for field in ("seconds", "cpu_s", "peak_mb"):
                    figures[f"{what}_{title}_{field}"] = getattr(run, field)
                print(f"  {what:9} {run.row()}   of {len(all_runs)} runs")
            stages = json.loads((folder / "out" / f"{clip.stem}.foley" / "run.json").read_text())
            print(f"  stages    {stages['seconds']}")
            for what in ("generate", "again"):
                for field in ("seconds", "cpu_s"):
                    ratio = figures[f"{what}_{title}_{field}"] / figures[f"decode_{title}_{field}"]
                    figures[f"ratio {what}/decode {title} {field}"] = ratio
    for key, value in figures.items():
        if key.startswith("ratio"):
            print(f"ratio {key.removeprefix('ratio ').replace(' ', '_')} {value:.3f}")
    if words.json:
        words.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(clip: Path, folder: Path, runs: int) -> dict[str, list[Run]]:
    """Run both in turn; one run of each before, not counted, warms caches of files and programs."""
    generate = [sys.executable, "-m", "temporal_foley", "generate", str(clip)]
    generate += ["--out", str(folder / "out"), "--overwrite"]
    commands = {
        "decode": [sys.executable, "-c", DECODE, str(clip)],
        "generate": [*generate, "--no-cache"],
        "again": generate,
    }
    measured: dict[str, list[Run]] = {what: [] for what in commands}
    for number in range(runs + 1):
        for what, command in commands.items():
            run = run_alone(command)
            if number:
                measured[what].append(run)
    return measured


def make_clip(path: Path, seconds: float) -> None:
    """Write the clip; what is longer than a minute repeats the first one, packet by packet."""
    if seconds <= 60:
        encode_clip(path, seconds)
        return
    minute = path.with_name("minute.mp4")
    if not minute.exists():
        encode_clip(minute, 60)
    repeat_clip(minute, path, round(seconds / 60))


def repeat_clip(minute: Path, path: Path, times: int) -> None:
    import av

    with av.open(str(path), "w") as target:
        copies, shift, end, first = {}, {}, {}, {}
        for number in range(times):
            # Each stream goes on where it ended: the sound is a little longer, and begins earlier.
            shift = {index: end[index] - first[index] for index in end}
            with av.open(str(minute)) as source:
                for stream in source.streams:
                    if number == 0:
                        copies[stream.index] = target.add_stream_from_template(stream)
                for packet in source.demux():
                    if not packet.size:
                        continue
                    index = packet.stream_index
                    first.setdefault(index, packet.pts)
                    packet.pts += shift.get(index, 0)
                    packet.dts += shift.get(index, 0)
                    end[index] = max(end.get(index, 0), packet.pts + packet.duration)
                    packet.stream = copies[index]
                    target.mux(packet)


def encode_clip(path: Path, seconds: float) -> None:
    """Write the clip: a shot every few seconds, a slow move over each, grain on all; and a tone."""
    import av

    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "23", "preset": "fast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="stereo")
        sound.codec_context.time_base = Fraction(1, 48_000)
        for number, picture in enumerate(pictures(round(seconds * RATE))):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(sound.encode(tone(number)))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def pictures(count: int) -> Iterator["np.ndarray"]:
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    grain = rng.normal(0, 4.0, (4, HEIGHT + 64, WIDTH + 64, 1)).astype(np.float32)
    shipped = resources.files("skimage") / "data"
    stills = [cv2.cvtColor(cv2.imread(str(shipped / name)), cv2.COLOR_BGR2RGB) for name in PICTURES]
    for number in range(count):
        still = stills[number // (SHOT_S * RATE) % len(stills)]
        part = number % (SHOT_S * RATE) / (SHOT_S * RATE)
        rows, columns = still.shape[:2]
        scale = min(columns / WIDTH, rows / HEIGHT) * (1 - 0.25 * part)
        left = (columns - scale * WIDTH) * (0.3 + 0.4 * part)
        top = (rows - scale * HEIGHT) * 0.5
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(still, matrix, (WIDTH, HEIGHT), flags=flags)
        y, x = rng.integers(0, 64, 2)
        noisy = picture + grain[number % 4, y : y + HEIGHT, x : x + WIDTH]
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def tone(number: int) -> "av.AudioFrame":
    import av
    import numpy as np

    size = 48_000 // RATE
    time_s = (number * size + np.arange(size)) / 48_000
    wave = (0.1 * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = 48_000, number * size
    frame.time_base = Fraction(1, 48_000)
    return frame


if __name__ == "__main__":
    main()
