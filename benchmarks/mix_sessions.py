"""What generated sessions sound like, in numbers: seeds in; counts and figures out, in Markdown.

    python benchmarks/mix_sessions.py [--sessions 50] [--seconds 12]

Each session draws events by its seed, casts them from the built-in takes and lays them up with a
ducked original. Clicks are steps of a stem at a join or fade that exceed eight times the median
step around them and stand out of the take itself.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.sound.casting import SUSTAINED_KINDS, cast_events
from temporal_foley.sound.library import Library, load_library
from temporal_foley.sound.mix import lay_up
from temporal_foley.sound.render import render_track
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import Cue, Event, MixSettings, Provenance, Source, Timeline, Track

TARGET_LUFS = -23.0
DUCK_DB = -12.0
AROUND = 2400
OUTSTANDING = 8.0


def draw_events(vocabulary: Vocabulary, rng: np.random.Generator, seconds: float) -> list[Event]:
    """Draw one to five events of any effects."""
    events = []
    for name in rng.choice(vocabulary.names, rng.integers(1, 6), replace=False):
        onset = float(rng.uniform(0.0, 0.7 * seconds))
        offset = min(seconds, onset + float(rng.uniform(0.5, seconds)))
        confidence = float(rng.uniform(0.5, 1.0))
        events.append(Event(effect=str(name), onset=onset, offset=offset, confidence=confidence))
    return events


def timeline_of(tracks: tuple[Track, ...], samples: int, seed: int) -> Timeline:
    """Make the timeline of a session."""
    nobody = Provenance(name="benchmark", sha256="")
    return Timeline(
        source=Source(
            name="clip.mp4",
            sha256="",
            duration_samples=samples,
            video_rate=Fraction(25),
            width=320,
            height=240,
            has_audio=True,
        ),
        frame_rate=Fraction(4),
        spotter=nobody,
        vocabulary=nobody,
        library=nobody,
        seed=seed,
        mix=MixSettings(original="duck", duck_db=DUCK_DB, loudness_lufs=TARGET_LUFS),
        tracks=tracks,
    )


def original(samples: int, seed: int) -> Iterator[np.ndarray]:
    """Make the video's own sound: steady noise, so that ducking can be read off."""
    yield np.random.default_rng(seed).normal(0.0, 0.01, (samples, 2)).astype(np.float32)


def joins(cue: Cue) -> list[int]:
    """Return the samples of the timeline at which a cue begins, ends, or its loop is joined."""
    places = [cue.onset_sample, cue.offset_sample]
    if cue.loop is not None:
        period = cue.loop.end - cue.loop.start
        first = cue.onset_sample + cue.loop.end - cue.source_start
        places += range(first, cue.offset_sample, period)
    return places


def clicks(track: Track, library: Library, samples: int) -> tuple[int, int]:
    """Return how many joins of a track click, and of how many."""
    found = looked_at = 0
    for cue in track.cues:
        # Alone, so that no other blow stands at the place.
        alone = Track(effect=track.effect, kind=track.kind, bus=track.bus, cues=(cue,))
        for place in joins(cue):
            # A hit that is to be heard at its beginning is no click.
            if track.kind not in SUSTAINED_KINDS and place == cue.onset_sample:
                continue
            first, last = max(0, place - AROUND), min(samples, place + AROUND)
            steps = np.abs(np.diff(render_track(alone, library, first, last).mean(axis=1)))
            at = min(place - first, len(steps))
            near = steps[max(0, at - 2) : at + 2]
            usual = max(float(np.quantile(steps, 0.99)), 1e-4)
            looked_at += 1
            found += bool(len(near) and near.max() > OUTSTANDING * usual)
    return found, looked_at


def repeats(track: Track) -> tuple[int, int]:
    """Return how many neighbouring cues of a track have one take, and of how many pairs."""
    pairs = list(itertools.pairwise(cue.asset for cue in track.cues))
    return sum(a == b for a, b in pairs), len(pairs)


def read(path: Path) -> np.ndarray:
    """Read a 24-bit file as whole numbers."""
    return soundfile.read(path, dtype="int32", always_2d=True)[0].astype(np.int64) >> 8


def main() -> None:
    """Lay up the sessions and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    vocabulary, library = load_vocabulary(), load_library()
    samples = round(options.seconds * SAMPLE_RATE_HZ)
    counts = np.zeros(4, int)
    away, sums, depths, spent = [], [], [], 0.0
    for seed in range(options.sessions):
        events = draw_events(vocabulary, np.random.default_rng(seed), options.seconds)
        begun = time.process_time()
        tracks = cast_events(events, vocabulary, library, seed=seed, duration_samples=samples)
        timeline = timeline_of(tracks, samples, seed)
        with tempfile.TemporaryDirectory() as made:
            report = lay_up(
                timeline, library, Path(made), original=lambda seed=seed: original(samples, seed)
            )
            spent += time.process_time() - begun
            stems = {stem.name: read(stem.path) for stem in report.stems}
            mix = read(report.mix.path)
        for track in tracks:
            counts += (*clicks(track, library, samples), *repeats(track))
        if report.loudness_lufs is not None:
            away.append(abs(report.loudness_lufs - TARGET_LUFS))
        if report.limiter_db == report.stems_trim_db == 0.0:
            sums.append(int(np.abs(sum(stems.values()) - mix).max()))
        depths += _depth(stems["original"], timeline)
    print(f"{options.sessions} sessions of {options.seconds:g} s, built-in takes\n")
    print("| | |\n|---|---|")
    print(f"| clicks at fades and joins | {counts[0]} of {counts[1]} |")
    print(f"| neighbours with one take | {counts[2]} of {counts[3]} |")
    print(f"| loudness away from target, worst | {max(away):.2f} LU |")
    print(
        f"| sum of stems against mix, worst | {max(sums, default=0)} steps, {len(sums)} sessions |"
    )
    if depths:
        middle, least, most = np.median(depths), min(depths), max(depths)
        print(f"| ducking depth | {middle:.2f} dB ({least:.2f} … {most:.2f}) |")
    minutes = options.sessions * options.seconds / 60.0
    print(f"| CPU seconds a minute of video, takes made anew included | {spent / minutes:.1f} |")


def _depth(stem: np.ndarray, timeline: Timeline) -> list[float]:
    """Return how deep the original lies under the longest cue, where it is elsewhere untouched."""
    cues = timeline.cues
    if not cues:
        return []
    second = SAMPLE_RATE_HZ
    free = [s for s in range(0, len(stem) - second, second) if _far(s, s + second, cues)]
    longest = max(cues, key=lambda cue: cue.length)
    if not free or longest.length < second:
        return []
    inside = stem[longest.onset_sample : longest.offset_sample].astype(float)
    outside = np.concatenate([stem[s : s + second] for s in free]).astype(float)
    return [float(10 * np.log10(np.mean(inside**2) / np.mean(outside**2)))]


def _far(first: int, last: int, cues: list[Cue]) -> bool:
    margin = SAMPLE_RATE_HZ
    return all(c.offset_sample + margin < first or c.onset_sample - margin > last for c in cues)


if __name__ == "__main__":
    main()
