"""Lay up a timeline: its cues, a library and the original sound in; stems and a mix on disk out.

The work is done in passes over the picture's length, a block at a time, so that a long film needs
no more memory than a short clip: one to find speech in the original, one to measure the sum of the
stems, more to find the gain where it is not plain (the limiter works, or quiet parts become loud
enough to count), one to write.
"""

import contextlib
import dataclasses
import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from temporal_foley.errors import CueListError, MediaError
from temporal_foley.sound.blocks import Block, fit
from temporal_foley.sound.ducking import Spans, duck_gains, effect_spans, join_spans
from temporal_foley.sound.library import Library
from temporal_foley.sound.limiter import limit
from temporal_foley.sound.loudness import HOP, PEAK_STEP, LoudnessMeter, measure
from temporal_foley.sound.render import index_cues, render_cues
from temporal_foley.sound.room_tone import ROOM_TONE_STEM, bare_foley, room_tone
from temporal_foley.sound.speech import speech_spans
from temporal_foley.sound.stem_file import StemFile, StemReport
from temporal_foley.sound.wav import FULL_SCALE, quantise
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import MixSettings, Timeline, Track

ORIGINAL_STEM = "original"
MUSIC_AND_EFFECTS = "music_and_effects"
MUTED_DB = -120.0

MOST_GAIN_DB = 40.0
"""A sum that would need more gain stays quieter than asked for: it is all but silent."""

MOST_LIMITING_DB = 24.0
"""The limiter takes off no more than this: sparse, peaky sound stays quieter than asked for."""

_BLOCK = 20 * HOP
_TOLERANCE_LU = 0.05
_MOST_PASSES = 8
_STEM_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")

Original = Callable[[], Iterator[Block]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BusReport:
    """How loud a bus is, at the gain of the mix; None where it is silent."""

    name: str
    loudness_lufs: float | None
    true_peak_dbtp: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixReport:
    """How a mix came out; loudness and peak are None where there is only silence.

    `gain_db` was applied to the sum of the stems before the limiter, which took off at most about
    `limiter_db`. The stem files have the same gain and, where one of them would have clipped,
    `stems_trim_db` (at most 0) on top: without that trim their sum is the mix before the limiter.
    """

    loudness_lufs: float | None
    true_peak_dbtp: float | None
    gain_db: float
    limiter_db: float
    stems_trim_db: float
    mix: StemReport
    stems: tuple[StemReport, ...]
    buses: tuple[BusReport, ...] = ()
    speech_s: tuple[tuple[float, float], ...] = ()
    """Where the original speaks and the effects step back, in seconds."""
    music_and_effects: StemReport | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Stem:
    """A stem before any common gain: blocks of `_BLOCK` samples, None for one of silence."""

    name: str
    bus: str
    blocks: Callable[[], Iterator[Block | None]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Gains:
    """What is applied to all stems (`gain_db`) and only to their files (`trim_db`)."""

    gain_db: float
    trim_db: float
    limiter_db: float
    ceiling_dbtp: float


def lay_up(
    timeline: Timeline,
    library: Library,
    folder: Path,
    *,
    original: Original | None,
    progress: Callable[[float], None] | None = None,
) -> MixReport:
    """Write `stems/<effect>.wav`, `stems/original.wav` and `mix.wav` into a folder.

    Files of the same names are replaced. `original` returns the video's own sound anew each time
    it is called: stereo at 48 kHz from the picture's zero; None if there is none. `progress` is
    called with the part that is done, from 0 to 1.

    Raises:
        MediaError: The folder cannot be written.
        LibraryError: A take is not in the library.
        CueListError: A track cannot be a stem.
    """
    done = progress or (lambda part: None)
    samples = timeline.source.duration_samples
    speech = np.zeros((0, 2), np.int64)
    heard = original if timeline.mix.original != "mute" else None
    if heard is not None and (timeline.mix.speech_db < 0.0 or timeline.mix.music_and_effects):
        speech = join_spans(speech_spans(fit(heard(), samples, _BLOCK)))
    step_back = functools.partial(_step_back, speech=speech, depth_db=timeline.mix.speech_db)
    stems = [step_back(_track_stem(track, library, samples)) for track in timeline.tracks]
    if timeline.mix.room_tone and heard is None and (spans := bare_foley(timeline.tracks)):
        stems.append(_room_tone_stem(join_spans(spans), samples))
    if heard is not None:
        stems.append(_original_stem(heard, timeline))
    gains = _find_gains(stems, samples, timeline.mix, lambda part: done(0.5 * part))
    without = speech if timeline.mix.music_and_effects else None
    try:
        report = _write(stems, folder, samples, gains, lambda part: done(0.5 + 0.5 * part), without)
    except OSError as error:
        raise MediaError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder"
        ) from None
    seconds = [(round(a / SAMPLE_RATE_HZ, 3), round(b / SAMPLE_RATE_HZ, 3)) for a, b in speech]
    return dataclasses.replace(report, speech_s=tuple(seconds))


def _step_back(stem: _Stem, speech: Spans, depth_db: float) -> _Stem:
    """Return a stem that is softer by `depth_db` where somebody speaks."""
    if not len(speech) or depth_db == 0.0:
        return stem

    def blocks() -> Iterator[Block | None]:
        start = 0
        for block in stem.blocks():
            gains = None
            if block is not None:
                gains = duck_gains(speech, start, start + len(block), depth_db)
            start += _BLOCK
            yield block if block is None or gains is None else block * gains[:, None]

    return dataclasses.replace(stem, blocks=blocks)


def _room_tone_stem(spans: Spans, samples: int) -> _Stem:
    def blocks() -> Iterator[Block | None]:
        for start in range(0, samples, _BLOCK):
            stop = min(samples, start + _BLOCK)
            present = 1.0 - duck_gains(spans, start, stop, MUTED_DB)
            yield room_tone(start, stop) * present[:, None] if present.any() else None

    return _Stem(name=ROOM_TONE_STEM, bus="backgrounds", blocks=blocks)


def _track_stem(track: Track, library: Library, samples: int) -> _Stem:
    # The name becomes that of a file, and a cue list may come from anywhere.
    if not _STEM_NAME.fullmatch(track.effect) or track.effect in (ORIGINAL_STEM, ROOM_TONE_STEM):
        raise CueListError(f"track {track.effect!r:.60}: is not a name for a stem; rename it")
    index = index_cues(track)

    def blocks() -> Iterator[Block | None]:
        for start in range(0, samples, _BLOCK):
            stop = min(samples, start + _BLOCK)
            sounds = index.sounding(start, stop).any()
            yield render_cues(index, library, start, stop) if sounds else None

    return _Stem(name=track.effect, bus=track.bus, blocks=blocks)


def _original_stem(original: Original, timeline: Timeline) -> _Stem:
    spans = effect_spans(timeline.cues if timeline.mix.original == "duck" else [])

    def blocks() -> Iterator[Block | None]:
        start = 0
        for block in fit(original(), timeline.source.duration_samples, _BLOCK):
            stop = start + len(block)
            gains = duck_gains(spans, start, stop, timeline.mix.duck_db)
            # A damaged stream of floats may hold what is no number: silence, not a broken mix.
            yield np.nan_to_num(block, posinf=0.0, neginf=0.0) * gains[:, None]
            start = stop

    return _Stem(name=ORIGINAL_STEM, bus=ORIGINAL_STEM, blocks=blocks)


def _find_gains(
    stems: list[_Stem], samples: int, settings: MixSettings, done: Callable[[float], None]
) -> _Gains:
    meter = LoudnessMeter()
    stem_peak = 0.0
    for start, parts in _side_by_side(stems, samples):
        sounding = [part for part in parts if part is not None]
        stem_peak = max([stem_peak, *(float(np.abs(part).max()) for part in sounding)])
        total = _total(sounding, min(_BLOCK, samples - start))
        meter.push(total)
        done(0.6 * (start + len(total)) / samples)
    loudness, true_peak = meter.finish()
    gain_db = limiter_db = trim_db = 0.0
    if loudness is not None and true_peak is not None:
        # The meter rounds: a quiet peak may be a good deal higher than it says.
        true_peak = _decibels(_ratio(true_peak) + PEAK_STEP / 2.0)
        gain_db = _gain_for(stems, samples, settings, loudness, true_peak)
        limiter_db = max(0.0, true_peak + gain_db - settings.true_peak_dbtp)
    # A rounding step below full scale, so that no sample of a stem file clips.
    loudest = stem_peak * _ratio(gain_db) / (1.0 - 2.0 / FULL_SCALE)
    if loudest > 1.0:
        trim_db = -_decibels(loudest)
    done(1.0)
    return _Gains(
        gain_db=gain_db,
        trim_db=trim_db,
        limiter_db=limiter_db,
        ceiling_dbtp=settings.true_peak_dbtp,
    )


def _gain_for(
    stems: list[_Stem], samples: int, settings: MixSettings, loudness: float, true_peak: float
) -> float:
    """Return the gain at which the limited sum is as loud as asked for."""
    most = min(MOST_GAIN_DB, settings.true_peak_dbtp - true_peak + MOST_LIMITING_DB)
    gain = min(most, settings.loudness_lufs - loudness)
    # Louder, more of the quiet parts pass the meter's gate at -70 LUFS: then look again.
    if gain <= 0.0 and true_peak + gain <= settings.true_peak_dbtp:
        return gain
    before: tuple[float, float] | None = None
    for _ in range(_MOST_PASSES):
        limited = limit(_sum(stems, samples, gain), settings.true_peak_dbtp)
        reached, _ = measure(limited, true_peak=False)
        missing = settings.loudness_lufs - (loudness + gain if reached is None else reached)
        if abs(missing) <= _TOLERANCE_LU or (missing > 0.0 and gain >= most):
            break
        # The more the limiter works, the less a decibel of gain gives: follow the secant.
        slope = 1.0
        if before is not None and gain != before[0]:
            slope = min(1.0, max(0.1, (before[1] - missing) / (gain - before[0])))
        before = (gain, missing)
        gain = min(most, gain + missing / slope)
    return gain


def _side_by_side(
    stems: list[_Stem], samples: int
) -> Iterator[tuple[int, tuple[Block | None, ...]]]:
    """Yield the blocks of all stems that belong together, with the place of their first sample."""
    streams = [stem.blocks() for stem in stems]
    for start in range(0, samples, _BLOCK):
        yield start, tuple(next(stream) for stream in streams)


def _total(parts: list[Block], length: int) -> Block:
    total = np.zeros((length, 2), np.float32)
    for part in parts:
        total += part
    return total


def _sum(stems: list[_Stem], samples: int, gain_db: float) -> Iterator[Block]:
    gain = np.float32(_ratio(gain_db))
    for start, parts in _side_by_side(stems, samples):
        sounding = [part for part in parts if part is not None]
        yield _total(sounding, min(_BLOCK, samples - start)) * gain


def _write(
    stems: list[_Stem],
    folder: Path,
    samples: int,
    gains: _Gains,
    done: Callable[[float], None],
    speech: Spans | None,
) -> MixReport:
    """Write the stems and the mix; `speech` is what a mix of music and effects is to lack."""
    (folder / "stems").mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        # The mix is opened first, so that it appears last: with it everything is there.
        path = folder / "mix.wav"
        mix = stack.enter_context(StemFile("mix", path, samples))
        files: list[StemFile] = []
        for stem in stems:
            path = folder / "stems" / f"{stem.name}.wav"
            files.append(stack.enter_context(StemFile(stem.name, path, samples)))
        # A bus of one stem reads as that stem does.
        counts = Counter(stem.bus for stem in stems)
        meters = {bus: LoudnessMeter() for bus, count in counts.items() if count > 1}
        summed = _write_stems(stems, files, samples, gains, meters, done)
        for block in limit(summed, gains.ceiling_dbtp):
            mix.write(quantise(block))
        mixed = mix.report()
        reports = tuple(file.report() for file in files)
        buses = tuple(_bus_reports(stems, reports, meters, gains))
        without = None
        if speech is not None:
            path = folder / f"{MUSIC_AND_EFFECTS}.wav"
            file = stack.enter_context(StemFile(MUSIC_AND_EFFECTS, path, samples))
            for block in limit(_unspoken(stems, samples, gains, speech), gains.ceiling_dbtp):
                file.write(quantise(block))
            without = file.report()
    return MixReport(
        loudness_lufs=mixed.loudness_lufs,
        true_peak_dbtp=mixed.true_peak_dbtp,
        gain_db=gains.gain_db,
        limiter_db=gains.limiter_db,
        stems_trim_db=gains.trim_db,
        mix=mixed,
        stems=reports,
        buses=buses,
        music_and_effects=without,
    )


def _bus_reports(
    stems: list[_Stem],
    reports: Sequence[StemReport],
    meters: Mapping[str, LoudnessMeter],
    gains: _Gains,
) -> Iterator[BusReport]:
    """Yield what the buses read, without the trim of the stem files."""
    alone = {stem.bus: report for stem, report in zip(stems, reports, strict=True)}
    for bus, report in alone.items():
        if bus in meters:
            loudness, true_peak = meters[bus].finish()
        else:
            loudness, true_peak = (
                None if level is None else level - gains.trim_db
                for level in (report.loudness_lufs, report.true_peak_dbtp)
            )
        yield BusReport(name=bus, loudness_lufs=loudness, true_peak_dbtp=true_peak)


def _unspoken(
    stems: list[_Stem], samples: int, gains: _Gains, speech: Spans
) -> Iterator[Float[np.ndarray, "samples 2"]]:
    """Yield the sum of the stems, the original muted where it speaks."""
    for start, parts in _side_by_side(stems, samples):
        total = np.zeros((min(_BLOCK, samples - start), 2))
        for stem, part in zip(stems, parts, strict=True):
            if part is not None and stem.name == ORIGINAL_STEM:
                total += part * duck_gains(speech, start, start + len(part), MUTED_DB)[:, None]
            elif part is not None:
                total += part
        yield total * _ratio(gains.gain_db)


def _write_stems(
    stems: list[_Stem],
    files: list[StemFile],
    samples: int,
    gains: _Gains,
    meters: Mapping[str, LoudnessMeter],
    done: Callable[[float], None],
) -> Iterator[Float[np.ndarray, "samples 2"]]:
    """Write the stems and yield the sum of what was written, without the trim."""
    gain, trim = _ratio(gains.gain_db), _ratio(gains.trim_db)
    for start, parts in _side_by_side(stems, samples):
        length = min(_BLOCK, samples - start)
        # Whole numbers, so that the mix is the sum of the files to the last bit.
        total = np.zeros((length, 2), np.int64)
        buses: dict[str, Block] = {}
        for stem, part, file in zip(stems, parts, files, strict=True):
            if part is None:
                file.skip(length)
                continue
            whole = quantise(part, gain * trim)
            file.write(whole)
            total += whole
            if stem.bus in meters:
                scaled = (whole / (FULL_SCALE * trim)).astype(np.float32)
                buses[stem.bus] = buses[stem.bus] + scaled if stem.bus in buses else scaled
        for name, meter in meters.items():
            meter.push(buses.get(name, np.zeros((length, 2), np.float32)))
        yield total / (FULL_SCALE * trim)
        done((start + length) / samples)


def _ratio(decibels: float) -> float:
    return 10.0 ** (decibels / 20.0)


def _decibels(ratio: float) -> float:
    return 20.0 * math.log10(ratio)
