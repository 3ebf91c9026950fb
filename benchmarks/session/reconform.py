"""Reconform recut real clips: how many cues followed, how exactly, which were lost, and the time.

    python -m benchmarks.session.reconform CLIP... [--spans 5]

Each clip is split into spans at its cuts (evenly where it has none); the second is dropped and the
others come in another order, in another coding, and once more at 24 pictures a second and half the
size. There is a hit at every third of a second of the old cut, so the right place in the new one is
known: a cue is wrong that is further from it than a picture of the new cut.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from temporal_foley.edits.reconform import match_videos, reconform
from temporal_foley.files.digest import file_sha256
from temporal_foley.media.probe import probe_video
from temporal_foley.spotting.shots import PictureChanges, cut_frames
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Source, Timeline
from tests.factories import make_cue, make_timeline

APART = SAMPLE_RATE_HZ // 3
Pictures = list[tuple[float, np.ndarray]]


class Span(NamedTuple):
    """A piece of the old cut, in seconds, and its start in the new one."""

    start: float
    end: float
    now: float


def read_pictures(path: Path) -> Pictures:
    """Return all pictures with their times, counted from the first."""
    with av.open(str(path)) as container:
        frames = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    return [(seconds - frames[0][0], image) for seconds, image in frames]


def spans_of(pictures: Pictures, end: float, least: int) -> list[tuple[float, float]]:
    """Split a clip at its cuts, or evenly where it has too few."""
    changes = PictureChanges()
    for _, image in pictures:
        changes.add(image)
    cuts = [pictures[n][0] for n in cut_frames(changes)]
    edges = [0.0, *(cut for cut in cuts if 0.7 < cut < end - 0.7), end]
    edges = [edges[0], *(b for a, b in itertools.pairwise(edges) if b - a > 0.7)]
    if len(edges) - 1 < least:
        edges = [end * n / least for n in range(least + 1)]
    return list(itertools.pairwise(edges))


def recut(
    pictures: Pictures, spans: Sequence[tuple[float, float]], path: Path, rate: Fraction, part: int
) -> list[Span]:
    """Write spans of a clip one after the other, `part` times smaller; returns where they are."""
    times = [seconds for seconds, _ in pictures]
    rows, columns = (side // part // 2 * 2 for side in pictures[0][1].shape[:2])
    placed: list[Span] = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.options = {"crf": "27", "preset": "veryfast"}
        number = 0
        for start, end in spans:
            first = number
            for step in range(round((end - start) * rate)):
                at = start + float(step / rate)
                shown = max(0, int(np.searchsorted(times, at + 1e-6, side="right")) - 1)
                frame = av.VideoFrame.from_ndarray(pictures[shown][1], format="rgb24")
                frame = frame.reformat(columns, rows, "yuv420p")
                frame.pts, frame.time_base = number, 1 / rate
                container.mux(stream.encode(frame))
                number += 1
            placed.append(Span(start, start + float((number - first) / rate), float(first / rate)))
        container.mux(stream.encode(None))
    return placed


def hits_of(path: Path) -> Timeline:
    """Return a cue list with a short hit at every third of a second of a clip."""
    source = _source(path)
    onsets = range(APART // 2, source.duration_samples - 4_800, APART)
    cues = (
        make_cue(f"hit-{n}", onset_sample=at, offset_sample=at + 4_800)
        for n, at in enumerate(onsets)
    )
    return make_timeline(*cues, source=source)


def _source(path: Path) -> Source:
    info = probe_video(path)
    return Source(
        name=path.name,
        sha256=file_sha256(path),
        duration_samples=int(info.duration * SAMPLE_RATE_HZ),
        video_rate=info.video_rate,
        width=info.width,
        height=info.height,
        has_audio=info.has_audio,
    )


def judge(old: Path, new: Path, spans: Sequence[Span], rate: Fraction) -> str:
    """Reconform the hits of a clip; return a row of the table."""
    timeline = hits_of(old)
    began = time.perf_counter()
    stretches = match_videos(probe_video(old), probe_video(new))
    result = reconform(timeline, stretches, _source(new))
    seconds = time.perf_counter() - began
    found = {cue.id.split("-")[1]: cue for cue in result.timeline.cues if cue.id.count("-") == 1}
    far: list[float] = []
    right = lost = strange = kept = 0
    for cue in timeline.cues:
        at = cue.onset_sample / SAMPLE_RATE_HZ
        span = next((s for s in spans if s.start <= at < s.end), None)
        own = found.get(cue.id.split("-")[1])
        if span is None:
            strange += own is not None
            continue
        kept += 1
        if own is None:
            lost += 1
            continue
        away = own.onset_sample / SAMPLE_RATE_HZ - (at - span.start + span.now)
        far.append(abs(away) * 1000.0)
        right += abs(away) <= 1.0 / rate + 1e-4
    gone = len(timeline.cues) - kept
    middle, most = (statistics.median(far), max(far)) if far else (float("nan"),) * 2
    length = float(timeline.source.duration)
    return (
        f"{len(spans)} | {right} of {kept} | {lost} | {gone - strange} of {gone} | "
        f"{middle:.1f} / {most:.1f} | {seconds / length:.2f}"
    )


def main() -> None:
    """Print a table, a row for each clip and coding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--spans", type=int, default=5, help="where a clip has fewer cuts")
    words = parser.parse_args()
    print("| clip | recut | spans left | followed | lost | orphans | off, ms | s / s |")
    print("|---" * 8 + "|")
    for clip in words.clips:
        pictures = read_pictures(clip)
        info = probe_video(clip)
        spans = spans_of(pictures, float(info.duration), words.spans)
        # The second is dropped; of the others the odd ones come first, and from the end.
        kept = [span for number, span in enumerate(spans) if number != 1]
        order = kept[1::2][::-1] + kept[::2]
        own = Fraction(info.video_rate).limit_denominator(1001)
        for name, rate, part in (("as it was", own, 1), ("24 Hz, half size", Fraction(24), 2)):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "new.mp4"
                placed = recut(pictures, order, path, rate, part)
                row = judge(clip, path, placed, rate)
            print(f"| {clip.stem[:40]} | {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
