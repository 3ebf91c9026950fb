"""How well a muxed sound meets its picture: one line a container, in samples of 48 kHz.

    python benchmarks/media/mux_sync.py [--quick] [--json FILE] [VIDEO...]

A track with impulses at known places goes under generated clips (or the VIDEOs given), with
constant and variable rate and with start offsets. The result is decoded twice: by the package's own
reader, and by bare PyAV that trusts nothing but the timestamps of frames. Beside it stands what the
usual recipe of a remux gives (`if packet.dts is None: continue`, sound from time 0), whose errors
are counted up to 4800 samples.
"""

import argparse
import hashlib
import importlib.util
import json
import platform
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from temporal_foley.media.audio import read_audio
from temporal_foley.media.mux import mux_sound, output_suffix
from temporal_foley.media.video import VideoInfo, probe_video
from temporal_foley.timegrid import to_sample

RATE_HZ = 48_000
REACH = 4_800
CASES = [
    (".mp4", "libx264", {"bf": "3", "g": "25"}),
    (".mov", "libx264", {"bf": "3", "g": "25"}),
    (".mkv", "libx264", {"bf": "3", "g": "25"}),
    (".webm", "libvpx-vp9", {"g": "25"}),
]


def impulse_places(info: VideoInfo) -> list[int]:
    """Return the samples at which the impulses stand: one every 0.7 s, off any frame's edge."""
    length = to_sample(info.duration)
    return list(range(RATE_HZ // 3 + 17, length - REACH, 7 * RATE_HZ // 10)) or [length // 2]


def write_impulses(path: Path, info: VideoInfo) -> list[int]:
    """Write a stereo WAV with the impulses and return their places."""
    places = impulse_places(info)
    sound = np.zeros((to_sample(info.duration), 2), np.float32)
    sound[places] = 0.8
    soundfile.write(path, sound, RATE_HZ, subtype="PCM_24")
    return places


def errors(sound: np.ndarray, places: list[int], first: int = 0) -> list[int]:
    """Return how many samples late each impulse is; `first` is the place of the first sample."""
    late = []
    for place in places:
        begin = max(0, place - REACH - first)
        around = np.abs(sound[begin : place + REACH - first])
        late.append(int(np.argmax(around)) + begin + first - place if len(around) else REACH)
    return late


def worst(late: list[int]) -> int:
    """Return the error that is furthest from 0."""
    return max(late, key=abs)


def read_ours(path: Path) -> np.ndarray:
    """Decode the sound with the package's reader."""
    blocks = read_audio(probe_video(path))
    assert blocks is not None
    return np.concatenate(list(blocks))[:, 0]


def read_bare(path: Path) -> tuple[np.ndarray, int]:
    """Decode with bare PyAV: samples, and the place of the first against the first picture."""
    with av.open(str(path)) as container:
        picture = min(f.pts * f.time_base for f in container.decode(video=0))
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    first = round((frames[0].pts * frames[0].time_base - picture) * RATE_HZ)
    pieces = []
    for frame in frames:
        data = frame.to_ndarray()
        planar = frame.format.is_planar
        pieces.append(data[0] if planar else data.reshape(-1, len(frame.layout.channels))[:, 0])
    return np.concatenate(pieces).astype(np.float64), first


def mux_recipe(source: Path, sound: Path, out: Path) -> None:
    """Remux as the common recipe has it, with the same codecs."""
    codec = {".mp4": "aac", ".mov": "pcm_s24le", ".mkv": "flac", ".webm": "libopus"}[out.suffix]
    with av.open(str(source)) as video, av.open(str(out), "w") as target:
        stream = video.streams.video[0]
        copy = target.add_stream_from_template(stream)
        track = target.add_stream(codec, rate=RATE_HZ)
        with av.open(str(sound)) as wav:
            for frame in wav.decode(audio=0):
                target.mux(track.encode(frame))
        target.mux(track.encode(None))
        for packet in video.demux(stream):
            if packet.dts is None:
                continue
            packet.stream = copy
            target.mux(packet)


def packets(path: Path) -> list[tuple[str, Fraction]]:
    """Return digest and time of every video packet that is shown, from the first picture on."""
    with av.open(str(path)) as container:
        found = [
            (
                hashlib.sha256(bytes(p)).hexdigest(),
                (p.pts if p.pts is not None else p.dts) * p.time_base,
            )
            for p in container.demux(video=0)
            if p.size and not p.is_discard
        ]
    start = min(time for _, time in found)
    return [(digest, time - start) for digest, time in found]


def measure(name: str, source: Path, folder: Path) -> dict:
    """Mux impulses under one video and measure the result."""
    info = probe_video(source)
    sound, out = folder / "impulses.wav", folder / f"out{output_suffix(info)}"
    places = write_impulses(sound, info)
    mux_sound(info, sound, out)
    before, after = packets(source), packets(out)
    bare, first = read_bare(out)
    row = {
        "name": name,
        "out": out.suffix,
        "impulses": len(places),
        "error_ours_samples": worst(errors(read_ours(out), places)),
        "error_bare_samples": worst(errors(bare, places, first)),
        "packets_identical": [p[0] for p in before] == [p[0] for p in after],
        "times_identical": [p[1] for p in before] == [p[1] for p in after],
        "largest_time_error_s": float(
            max((abs(a[1] - b[1]) for a, b in zip(before, after, strict=False)), default=0)
        ),
        "duration_identical": probe_video(out).duration == info.duration,
    }
    try:
        mux_recipe(source, sound, folder / f"recipe{out.suffix}")
        other, start = read_bare(folder / f"recipe{out.suffix}")
        row["error_recipe_samples"] = worst(errors(other, places, start))
        row["recipe_packets_lost"] = len(before) - len(packets(folder / f"recipe{out.suffix}"))
    except (av.error.FFmpegError, ValueError) as error:
        row["error_recipe_samples"], row["recipe_packets_lost"] = str(error)[:40], 0
    return row


def load_clips():
    """Load the maker of test clips, which no package holds."""
    place = Path(__file__).parents[2] / "tests" / "clips.py"
    spec = importlib.util.spec_from_file_location("clips", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def generated(folder: Path, seconds: float):
    """Yield `(name, path)` of test clips in every container."""
    clips = load_clips()
    steps = [4, 4, 8, 30, 2, 5, 3, 12, 4, 4]
    count = round(seconds * 100 / sum(steps)) * len(steps)
    ends = np.cumsum([0, *(steps[i % len(steps)] for i in range(count))]).tolist()
    variable = [Fraction(end, 100) for end in ends]
    for suffix, codec, options in CASES:
        for label, rate, times in [
            ("25", Fraction(25), None),
            ("29.97", Fraction(30_000, 1_001), None),
            ("variable", Fraction(25), variable),
        ]:
            for start in (Fraction(0), Fraction(7, 5)):
                path = clips.make_clip(
                    folder / f"a{suffix}",
                    seconds=seconds,
                    rate=rate,
                    times=times,
                    codec=codec,
                    options=options,
                    start=start,
                )
                yield f"{suffix[1:]} {label} from {float(start):g} s", path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--quick", action="store_true", help="shorter clips")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = ((video.name, video) for video in options.videos)
        cases = given if options.videos else generated(folder, 3 if options.quick else 20)
        print(f"{'clip':34} {'out':5} ours bare recipe lost packets times duration")
        for label, path in cases:
            row = measure(label, path, folder)
            rows.append(row)
            print(
                f"{label[:34]:34} {row['out']:5} {row['error_ours_samples']:4} "
                f"{row['error_bare_samples']:4} {row['error_recipe_samples']!s:>6} "
                f"{row['recipe_packets_lost']:4} "
                f"{'same' if row['packets_identical'] else 'OTHER':7} "
                f"{'same' if row['times_identical'] else 'OTHER':5} "
                f"{'same' if row['duration_identical'] else 'OTHER'}"
            )
    print(f"python {platform.python_version()}, av {av.__version__}, {platform.machine()}")
    for suffix in sorted({row["out"] for row in rows}):
        some = [row for row in rows if row["out"] == suffix]
        late = worst([row["error_ours_samples"] for row in some])
        print(f"ratio sync_error_samples_{suffix[1:]} {late}")
    share = sum(row["packets_identical"] for row in rows) / len(rows)
    print(f"ratio packets_identical {share:.3f}")
    print(f"ratio times_identical {sum(row['times_identical'] for row in rows) / len(rows):.3f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
