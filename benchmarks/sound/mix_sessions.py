"""Measure how generated sessions sound: count clicks, seams and repeats, in Markdown.

    python benchmarks/sound/mix_sessions.py [--sessions 50] [--seconds 12] [--stop-after-s 1500]
    python benchmarks/sound/mix_sessions.py --sessions 0 --film-minutes 120 --film-cues 5000

Each session draws events by its seed, casts them from the built-in takes as `generate` does and
renders them with a ducked original, by turns in no space, in a room and in the open. Clicks are
steps of a stem at a join or fade that exceed eight times the usual ones around them. A seam is how
much the level in half an octave differs over the join of a loop, beside how much it differs between
other neighbours of the same loop. A film has N cues evenly spread over the vocabulary.
"""

import argparse
import itertools
import resource
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.files.allocator import return_freed_memory
from temporal_foley.sound.alternates import fill_alternates
from temporal_foley.sound.ambience import crossfade_ambience
from temporal_foley.sound.casting import SUSTAINED_KINDS, cast_events
from temporal_foley.sound.density import thin_out
from temporal_foley.sound.levels import DEFAULT_LEVELS as LEVELS
from temporal_foley.sound.mix import write_mix
from temporal_foley.sound.render import render_track
from temporal_foley.sound.signal.reverb import SPACES
from temporal_foley.sound.takes.library import Library, load_library
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
        detector=nobody,
        vocabulary=nobody,
        library=nobody,
        seed=seed,
        mix=MixSettings(
            original="duck",
            duck_db=DUCK_DB,
            loudness_lufs=TARGET_LUFS,
            space=SPACES[seed % len(SPACES)],
        ),
        tracks=tracks,
    )


def original(samples: int, seed: int) -> Iterator[np.ndarray]:
    """Make the video's own sound: steady noise, so that ducking can be read off."""
    yield np.random.default_rng(seed).normal(0.0, 0.01, (samples, 2)).astype(np.float32)


def build_session(
    events: list[Event], vocabulary: Vocabulary, library: Library, samples: int, seed: int
) -> tuple[Track, ...]:
    """Cast events as `generate` does, but for the picture."""
    tracks = cast_events(events, vocabulary, library, seed=seed, duration_samples=samples)
    tracks = thin_out(crossfade_ambience(tracks), library)
    return fill_alternates(tracks, vocabulary, library)


def loop_joins(cue: Cue) -> list[int]:
    """Return the samples of the timeline at which the loop of a cue is joined."""
    if cue.loop is None:
        return []
    first = cue.onset_sample + cue.loop.end - cue.source_start
    return list(range(first, cue.offset_sample, cue.loop.end - cue.loop.start))


def clicks(track: Track, library: Library, places: dict[str, list[int]]) -> tuple[int, int]:
    """Return how many places of a track's cues click, and of how many."""
    found = looked_at = 0
    for cue in track.cues:
        # Alone, so that no other blow stands at the place.
        alone = Track(effect=track.effect, kind=track.kind, bus=track.bus, cues=(cue,))
        for place in places[cue.id]:
            steps = np.abs(
                np.diff(render_track(alone, library, place - AROUND, place + AROUND).mean(axis=1))
            )
            near = steps[AROUND - 2 : AROUND + 2]
            usual = max(float(np.quantile(steps, 0.99)), 1e-4)
            looked_at += 1
            found += bool(len(near) and near.max() > OUTSTANDING * usual)
    return found, looked_at


def ends(track: Track, samples: int) -> dict[str, list[int]]:
    """Return where the cues of a track begin and end, by their ids."""
    places = {}
    for cue in track.cues:
        # A hit that is to be heard at its beginning is no click.
        begin = [cue.onset_sample] if track.kind in SUSTAINED_KINDS else []
        inside = [at for at in (*begin, cue.offset_sample) if AROUND <= at <= samples - AROUND]
        places[cue.id] = inside
    return places


def seams(track: Track, library: Library) -> list[tuple[float, float, float]]:
    """Return by how many decibels levels differ over each join, and beside it: usually, at most."""
    found = []
    for cue in track.cues:
        alone = Track(effect=track.effect, kind=track.kind, bus=track.bus, cues=(cue,))
        for place in loop_joins(cue):
            half = SAMPLE_RATE_HZ // 2
            if place - 4 * half < cue.onset_sample or place + 4 * half > cue.offset_sample:
                continue
            levels = [
                _half_octaves(render_track(alone, library, at, at + half).mean(axis=1))
                for at in range(place - 4 * half, place + 4 * half, half)
            ]
            steps = [float(np.abs(a - b).mean()) for a, b in itertools.pairwise(levels)]
            beside = steps[:2] + steps[5:]
            found.append((steps[3], float(np.median(beside)), max(beside)))
    return found


def _half_octaves(sound: np.ndarray) -> np.ndarray:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    cuts = np.searchsorted(hz, np.geomspace(80.0, 14_000.0, 16))
    return 10 * np.log10(np.add.reduceat(power, cuts)[:-1] + 1e-9)


def at_their_level(timeline: Timeline) -> int:
    """Return the most effects that sound at once without stepping back behind others."""
    edges = sorted(
        {edge for cue in timeline.cues for edge in (cue.onset_sample, cue.offset_sample)}
    )
    most = 0
    for edge in edges:
        heard = {
            cue.effect
            for cue in timeline.cues
            if cue.onset_sample <= edge < cue.offset_sample
            and max(level for _, level in cue.level) > LEVELS.crowded_db
        }
        most = max(most, len(heard))
    return most


def repeats(track: Track) -> tuple[int, int]:
    """Return how many neighbouring cues of a track have one take, and of how many pairs."""
    pairs = list(itertools.pairwise(cue.asset for cue in track.cues))
    return sum(a == b for a, b in pairs), len(pairs)


def read(path: Path) -> np.ndarray:
    """Read a 24-bit file as whole numbers."""
    return soundfile.read(path, dtype="int32", always_2d=True)[0].astype(np.int64) >> 8


def main() -> None:
    """Lay up the sessions, or a film, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--stop-after-s", type=float, default=float("inf"))
    parser.add_argument("--film-minutes", type=float, default=0.0)
    parser.add_argument("--film-cues", type=int, default=5000)
    options = parser.parse_args()
    return_freed_memory()  # As the command line does.
    if options.sessions:
        measure_sessions(options.sessions, options.seconds, options.stop_after_s)
    if options.film_minutes:
        measure_film(options.film_minutes, options.film_cues)


def measure_sessions(sessions: int, seconds: float, stop_after_s: float) -> None:
    """Lay up sessions, as many as there is time for, and print what they sound like."""
    end = time.monotonic() + stop_after_s
    vocabulary, library = load_vocabulary(), load_library()
    samples = round(seconds * SAMPLE_RATE_HZ)
    counts = np.zeros(6, int)
    away, peaks, sums, depths, joins = [], [], [], [], []
    cast_s = laid_s = 0.0
    cues = softened = alternates = most = 0
    done = 0
    for seed in range(sessions):
        if time.monotonic() > end:
            break
        done += 1
        events = draw_events(vocabulary, np.random.default_rng(seed), seconds)
        begun = time.process_time()
        tracks = build_session(events, vocabulary, library, samples, seed)
        timeline = timeline_of(tracks, samples, seed)
        cast = time.process_time()
        with tempfile.TemporaryDirectory() as made:
            report = write_mix(
                timeline,
                library,
                Path(made),
                original=lambda seed=seed: original(samples, seed),
            )
            cast_s += cast - begun
            laid_s += time.process_time() - cast
            stems = {stem.name: read(stem.path) for stem in report.stems}
            mix = read(report.mix.path)
        for track in tracks:
            at_joins = {cue.id: loop_joins(cue) for cue in track.cues}
            counts += (
                *clicks(track, library, ends(track, samples)),
                *clicks(track, library, at_joins),
                *repeats(track),
            )
            joins += seams(track, library)
        cues += len(timeline.cues)
        softened += sum("steps back" in c.reason or "yields" in c.reason for c in timeline.cues)
        alternates += sum(len(cue.alternates) == 3 for cue in timeline.cues)
        most = max(most, at_their_level(timeline))
        if report.loudness_lufs is not None:
            away.append(abs(report.loudness_lufs - TARGET_LUFS))
            peaks.append(report.true_peak_dbtp)
        if report.limiter_db == report.stems_trim_db == 0.0:
            sums.append(int(np.abs(sum(stems.values()) - mix).max()))
        depths += _depth(stems["original"], timeline)
    minutes = done * seconds / 60.0
    print(f"{done} sessions of {seconds:g} s, built-in takes, {cues} cues\n")
    print("| | |\n|---|---|")
    print(f"| clicks where cues begin and end | {counts[0]} of {counts[1]} |")
    print(f"| clicks at joins of loops | {counts[2]} of {counts[3]} |")
    if joins:
        seam, usual, _ = np.median(joins, axis=0)
        worse = sum(step > most_beside for step, _, most_beside in joins)
        print(f"| change of spectrum over a join, and beside it | {seam:.1f} dB, {usual:.1f} dB |")
        print(f"| joins that change more than all beside them | {worse} of {len(joins)} |")
    print(f"| neighbours with one take | {counts[4]} of {counts[5]} |")
    print(f"| cues with three alternates | {alternates} of {cues} |")
    print(f"| cues that step back or yield | {softened} |")
    print(f"| most effects at once at their level | {most} |")
    print(f"| loudness away from target, worst | {max(away):.2f} LU |")
    print(f"| true peak, highest (ceiling -1) | {max(peaks):.2f} dBTP |")
    exact = sum(step == 0 for step in sums)
    print(f"| sum of stems is the mix to the bit | {exact} of {len(sums)} without limiting |")
    if depths:
        middle, least, most_db = np.median(depths), min(depths), max(depths)
        print(f"| ducking depth, of {DUCK_DB:g} dB | {middle:.2f} ({least:.2f} … {most_db:.2f}) |")
    print(f"| CPU seconds a minute of video: casting, takes made | {cast_s / minutes:.1f} |")
    print(f"| CPU seconds a minute of video: stems and mix | {laid_s / minutes:.1f} |")


def measure_film(minutes: float, count: int) -> None:
    """Lay up a long timeline and print what it costs."""
    vocabulary, library = load_vocabulary(), load_library()
    samples = round(minutes * 60 * SAMPLE_RATE_HZ)
    rng = np.random.default_rng(0)
    events: list[Event] = []
    each = minutes * 60.0 * len(vocabulary.names) / count
    for name in vocabulary.names:
        for onset in np.arange(float(rng.uniform(0, each)), minutes * 60.0 - 4.0, each):
            start = float(onset)
            hits = (start,) if vocabulary[name].kind not in SUSTAINED_KINDS else ()
            offset = start + float(rng.uniform(0.5, 4.0))
            event = Event(effect=name, onset=start, offset=offset, confidence=0.8, hits=hits)
            events.append(event)
    begun = time.process_time()
    tracks = build_session(events, vocabulary, library, samples, 0)
    timeline = timeline_of(tracks, samples, 0)
    cast = time.process_time()
    before = _peak_mb()
    with tempfile.TemporaryDirectory() as made:
        write_mix(timeline, library, Path(made), original=None)
    laid = time.process_time()
    print(f"{minutes:g} minutes, {len(timeline.cues)} cues on {len(tracks)} tracks, no original\n")
    print("| | |\n|---|---|")
    print(f"| CPU seconds: casting, takes made | {cast - begun:.0f} |")
    each_minute = (laid - cast) / minutes
    print(f"| CPU seconds: stems and mix | {laid - cast:.0f} ({each_minute:.1f} a minute) |")
    print(f"| peak memory: after casting, at the end | {before:.0f} MB, {_peak_mb():.0f} MB |")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _depth(stem: np.ndarray, timeline: Timeline) -> list[float]:
    """Return by how much the original is lowered under the longest cue, and nowhere else."""
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
