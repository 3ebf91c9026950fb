"""How cost grows with the length of a film and with the number of cues.

    python benchmarks/growth.py OUT [--minutes 1 10 60 120] [--cues 0 100 1000 5000]

Films of small pictures (160 x 90 at 10 Hz, a new shot every four seconds, a tone) are generated,
and cue lists for a film of the first length are rendered, each in a process of its own, once, after
a first run that is not counted. Written: OUT/growth.tsv with wall clock, processor time and peak
memory, and OUT/growth.png. Nothing is extrapolated: a length that was not run has no row.
"""

import argparse
import csv
import dataclasses
import os
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from start import Run, run_alone

WIDTH, HEIGHT, RATE_HZ, SHOT_S = 160, 90, 10, 4
COLUMNS = ("what", "minutes", "cues", "seconds", "cpu_s", "peak_mb")


def main() -> None:
    """Measure, and write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60, 120])
    parser.add_argument("--cues", type=int, nargs="+", default=[0, 100, 1000, 5000])
    words = parser.parse_args()
    words.out.mkdir(parents=True, exist_ok=True)
    foley = [sys.executable, "-m", "temporal_foley"]
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = {minutes: folder / f"{minutes:g}min.mp4" for minutes in words.minutes}
        for minutes, film in films.items():
            make_film(film, minutes * 60)
        first = words.minutes[0]
        generate = ["generate", "--out", str(folder / "out"), "--overwrite", "--no-cache"]
        run_alone([*foley, *generate, str(films[first])])
        for minutes, film in films.items():
            run = run_alone([*foley, *generate, str(film)])
            rows.append(row("generate", minutes, "", run))
        made = folder / "out" / f"{films[first].stem}.foley" / "cues.json"
        for number, count in enumerate([words.cues[0], *words.cues]):
            cues = folder / f"list{number}" / "cues.json"
            write_cues(made, cues, count)
            run = run_alone([*foley, "render", str(cues), "--video", str(films[first])])
            if number:
                rows.append(row("render", first, count, run))
    with (words.out / "growth.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    draw(rows, words.out / "growth.png")


def row(what: str, minutes: float, cues: int | str, run: Run) -> dict[str, object]:
    """Return a row of the table, and print it."""
    seconds = [f"{value:.2f}" for value in (run.seconds, run.cpu_s)]
    cells = (what, f"{minutes:g}", cues, *seconds, f"{run.peak_mb:.0f}")
    print("\t".join(map(str, cells)), flush=True)
    return dict(zip(COLUMNS, cells, strict=True))


def make_film(path: Path, seconds: float) -> None:
    """Write a film of shots of coloured noise that moves."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE_HZ, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        size = 48_000 // RATE_HZ
        for number in range(round(seconds * RATE_HZ)):
            if number % (SHOT_S * RATE_HZ) == 0:
                coarse = rng.integers(0, 256, (9, 32, 3), np.uint8)
                shot = np.kron(coarse, np.ones((10, 10, 1), np.uint8))
            picture = np.ascontiguousarray(shot[:, number % 100 : number % 100 + WIDTH])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            time_s = (number * size + np.arange(size)) / 48_000
            wave = (0.05 * np.sin(2 * np.pi * 330 * time_s)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = (
                48_000,
                number * size,
                Fraction(1, 48_000),
            )
            container.mux(sound.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def write_cues(made: Path, path: Path, count: int) -> None:
    """Write a cue list for the same film with this many cues of one effect, evenly spread."""
    from temporal_foley.cue_list import read_timeline, write_timeline
    from temporal_foley.effects import load_vocabulary
    from temporal_foley.sound.casting import cast_events
    from temporal_foley.sound.takes.library import load_library
    from temporal_foley.timeline import Event

    timeline = read_timeline(made)
    event = Event(effect="water_drop", onset=0.5, offset=0.7, confidence=0.9)
    length = timeline.source.duration_samples
    (track,) = cast_events(
        [event], load_vocabulary(), load_library(), seed=0, duration_samples=length, salt=""
    )
    cue = dataclasses.replace(track.cues[0], alternates=())
    starts = np.linspace(0, length - cue.length - 1, max(count, 1)).astype(int)[:count]
    cues = tuple(
        dataclasses.replace(
            cue, id=f"water_drop-{i}", onset_sample=int(at), offset_sample=int(at) + cue.length
        )
        for i, at in enumerate(starts)
    )
    tracks = (dataclasses.replace(track, cues=cues),) if cues else ()
    path.parent.mkdir(parents=True)
    write_timeline(dataclasses.replace(timeline, tracks=tracks, scenes=()), path)


def draw(rows: list[dict[str, object]], path: Path) -> None:
    """Draw processor time and memory over minutes and over cues."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots(2, 2)
    for column, (what, over) in enumerate((("generate", "minutes"), ("render", "cues"))):
        own = [one for one in rows if one["what"] == what]
        for line, field in enumerate(("cpu_s", "peak_mb")):
            x = [float(str(one[over])) for one in own]
            axes[line, column].plot(x, [float(str(one[field])) for one in own], "o-")
            axes[line, column].set(xlabel=over, ylabel=field, ylim=(0, None), title=what)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
