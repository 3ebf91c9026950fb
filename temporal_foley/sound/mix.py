"""Render a timeline to stems and a mix on disk.

The work is done in several passes, a block at a time, so that a long film needs no more memory than
a short clip: one pass finds speech in the original, one measures the sum of the stems, more find
the gain where the limiter works or quiet parts rise above the gate, and one writes the files.
"""

import contextlib
import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from temporal_foley.errors import MediaError
from temporal_foley.sound.gains import UNTOUCHED, Gains, find_gains, ratio_of_level
from temporal_foley.sound.matching import OriginalSound, floor_noise, measure_original
from temporal_foley.sound.room_tone import bare_foley, loop_range, room_tone
from temporal_foley.sound.signal.blocks import Block, fit
from temporal_foley.sound.signal.ducking import MUTED_DB, Spans, join_spans
from temporal_foley.sound.signal.limiter import limit
from temporal_foley.sound.signal.loudness import LoudnessMeter
from temporal_foley.sound.signal.speech import speech_spans
from temporal_foley.sound.signal.wav import FULL_SCALE, quantise
from temporal_foley.sound.stem_file import StemFile, StemReport, WavName, bare_name
from temporal_foley.sound.stems import (
    BLOCK,
    ORIGINAL_STEM,
    Original,
    Stem,
    lower_under,
    original_stem,
    room_tone_stem,
    side_by_side,
    track_stem,
)
from temporal_foley.sound.takes.library import Library
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import MixSettings, Timeline, keeps_own_sound

MIX = "mix"
STEMS_FOLDER = "stems"
MUSIC_AND_EFFECTS = "music_and_effects"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BusReport:
    """Levels of a bus at the gain of the mix; None where it is silent."""

    name: str
    loudness_lufs: float | None
    true_peak_dbtp: float | None


MUCH_LIMITING_DB = 6.0
FAR_FROM_TARGET_LU = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixReport:
    """Levels of a finished mix; loudness and peak are None if it is silent.

    `gain_db` was applied to the sum of the stems before the limiter, which reduced peaks by at most
    about `limiter_db`. The stem files have the same gain and, where one of them would have clipped,
    `stems_trim_db` (at most 0) on top: without that trim their sum is the mix before the limiter.
    """

    loudness_lufs: float | None
    true_peak_dbtp: float | None
    gain_db: float
    limiter_db: float
    stems_trim_db: float
    target_lufs: float | None
    """The loudness asked for; None where the original keeps its own, as nothing is added to it."""
    mix: StemReport
    stems: tuple[StemReport, ...]
    buses: tuple[BusReport, ...] = ()
    speech_s: tuple[tuple[float, float], ...] = ()
    """Spans of speech in the original, under which effects are lowered, in seconds."""
    music_and_effects: StemReport | None = None
    original: OriginalSound | None = None
    """What effects were matched to; None if they were not."""

    @property
    def effects_gain_db(self) -> float:
        """The gain of the effects: that of the mix, and the shift to the original's level."""
        return self.gain_db + (0.0 if self.original is None else self.original.shift_db())

    def moved(self, old: Path, new: Path) -> "MixReport":
        """Return the report of the same files in another folder."""
        without = self.music_and_effects
        return dataclasses.replace(
            self,
            mix=self.mix.moved(old, new),
            stems=tuple(stem.moved(old, new) for stem in self.stems),
            music_and_effects=None if without is None else without.moved(old, new),
        )

    def levels(self) -> dict[str, Any]:
        """Return the levels for `run.json`, in whole hundredths."""
        without = self.music_and_effects
        names = ("gain_db", "effects_gain_db", "limiter_db", "stems_trim_db")
        return {
            **_rounded(self.mix),
            **{name: round(getattr(self, name), 2) for name in names},
            "stems": {stem.name: _rounded(stem, "peak_dbfs") for stem in self.stems},
            "buses": {bus.name: _rounded(bus) for bus in self.buses},
            **({} if without is None else {"music_and_effects": _rounded(without)}),
            "speech_s": [list(span) for span in self.speech_s],
            "matched_to": None if self.original is None else dataclasses.asdict(self.original),
        }


def _rounded(meter: StemReport | BusReport, *names: str) -> dict[str, float | None]:
    values = {name: getattr(meter, name) for name in (*names, "loudness_lufs", "true_peak_dbtp")}
    return {name: None if value is None else round(value, 2) for name, value in values.items()}


def mix_warnings(report: MixReport, mix: MixSettings, original_channels: int) -> tuple[str, ...]:
    """Return a line for everything in a finished mix that its listener may not expect.

    Args:
        report: The levels of the mix.
        mix: What was asked for.
        original_channels: Channels of the video's own sound; 0 if it has none.
    """
    lines, target = [], report.target_lufs
    if original_channels > 2 and mix.original != "mute":
        lines.append(f"its own sound of {original_channels} channels is mixed down to stereo")
    if report.limiter_db > MUCH_LIMITING_DB:
        remedy = "" if target is None else f": a lower --loudness than {target:g} keeps them"
        lines.append(
            f"the limiter lowers peaks of the mix by up to {report.limiter_db:.0f} dB{remedy}"
        )
    reached = report.loudness_lufs
    if reached is not None and target is not None and reached < target - FAR_FROM_TARGET_LU:
        lines.append(
            f"the mix has {reached:.1f} LUFS, not {target:g}: it is too quiet or too sparse to be "
            "made louder"
        )
    return tuple(lines)


def write_mix(
    timeline: Timeline,
    library: Library,
    folder: Path,
    *,
    original: Original | None,
    files: Callable[[str], WavName] = bare_name,
    progress: Callable[[float], None] | None = None,
) -> MixReport:
    """Write the stems of all effects and of the original, and `mix.wav`, into a folder.

    `files` names the file of a stem in `stems`, by effect. Files of the same names are replaced.
    `original` streams the video's own sound from its start each time it is called, in stereo at
    48 kHz; None if there is none. `progress` is called with
    the fraction done, from 0 to 1.

    Raises:
        MediaError: The folder cannot be written.
        LibraryError: A take is not in the library.
        CueListError: A track cannot be a stem.
    """
    done = progress or (lambda part: None)
    samples = timeline.source.duration_samples
    speech = np.zeros((0, 2), np.int64)
    own = original if timeline.mix.original != "mute" else None
    mix = timeline.mix
    if own is not None and (mix.speech_db < 0.0 or mix.music_and_effects or mix.match):
        speech = join_spans(speech_spans(fit(own(), samples, BLOCK)))
    # A muted original is measured too: what replaces it is to sound as if it were there.
    measured = None
    if original is not None and mix.match:
        measured = measure_original(fit(original(), samples, BLOCK), speech)
    stems = [
        lower_under(track_stem(track, library, samples, mix.space, measured), speech, mix.speech_db)
        for track in timeline.tracks
    ]
    is_silent = own is None or (mix.match and measured is None)
    spans = bare_foley(timeline.tracks) if is_silent and (mix.room_tone or mix.match) else []
    if spans:
        tone = functools.partial(room_tone, level_dbfs=library.levels.room_tone_dbfs)
        if measured is not None:
            tone = functools.partial(loop_range, floor_noise(measured))
        stems.append(room_tone_stem(join_spans(spans), samples, tone))
    if own is not None:
        stems.append(original_stem(own, timeline))
    if own is not None and keeps_own_sound(timeline):
        # Nothing is added: the sound stays as it was.
        mix = dataclasses.replace(mix, loudness_lufs=None)
        gains = UNTOUCHED
    else:
        gains = find_gains(stems, samples, mix, lambda part: done(0.5 * part))
    without = speech if timeline.mix.music_and_effects else None
    try:
        report = _write(
            stems, folder, samples, gains, files, lambda part: done(0.5 + 0.5 * part), without
        )
    except OSError as error:
        raise MediaError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder"
        ) from None
    seconds = [(round(a / SAMPLE_RATE_HZ, 3), round(b / SAMPLE_RATE_HZ, 3)) for a, b in speech]
    return dataclasses.replace(
        report, target_lufs=mix.loudness_lufs, speech_s=tuple(seconds), original=measured
    )


def _write(
    stems: Sequence[Stem],
    folder: Path,
    samples: int,
    gains: Gains,
    names: Callable[[str], WavName],
    done: Callable[[float], None],
    speech: Spans | None,
) -> MixReport:
    """Write the stems, the mix and, if `speech` is given, a mix of music and effects without it."""
    (folder / STEMS_FOLDER).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        # The mix is opened first and so renamed last: once it exists, all files do.
        mix = StemFile(MIX, folder / f"{MIX}.wav", samples, names(MIX).chunks)
        stack.enter_context(mix)
        files: list[StemFile] = []
        for stem in stems:
            name, chunks = names(stem.name)
            file = StemFile(stem.name, folder / STEMS_FOLDER / name, samples, chunks)
            files.append(stack.enter_context(file))
        # A bus of one stem has the levels of that stem.
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
            path, chunks = folder / f"{MUSIC_AND_EFFECTS}.wav", names(MUSIC_AND_EFFECTS).chunks
            file = stack.enter_context(StemFile(MUSIC_AND_EFFECTS, path, samples, chunks))
            for block in limit(_unspoken(stems, samples, gains, speech), gains.ceiling_dbtp):
                file.write(quantise(block))
            without = file.report()
    return MixReport(
        loudness_lufs=mixed.loudness_lufs,
        true_peak_dbtp=mixed.true_peak_dbtp,
        gain_db=gains.gain_db,
        limiter_db=gains.limiter_db,
        stems_trim_db=gains.trim_db,
        target_lufs=None,
        mix=mixed,
        stems=reports,
        buses=buses,
        music_and_effects=without,
    )


def _bus_reports(
    stems: Sequence[Stem],
    reports: Sequence[StemReport],
    meters: Mapping[str, LoudnessMeter],
    gains: Gains,
) -> Iterator[BusReport]:
    """Yield the levels of the buses, without the trim of the stem files."""
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
    stems: Sequence[Stem], samples: int, gains: Gains, speech: Spans
) -> Iterator[Float[np.ndarray, "samples 2"]]:
    """Yield the sum of the stems with the speech of the original muted."""
    muted = [
        lower_under(stem, speech, MUTED_DB) if stem.name == ORIGINAL_STEM else stem
        for stem in stems
    ]
    for start, parts in side_by_side(muted, samples):
        total = np.zeros((min(BLOCK, samples - start), 2))
        for part in parts:
            if part is not None:
                total += part
        yield total * ratio_of_level(gains.gain_db)


def _write_stems(
    stems: Sequence[Stem],
    files: list[StemFile],
    samples: int,
    gains: Gains,
    meters: Mapping[str, LoudnessMeter],
    done: Callable[[float], None],
) -> Iterator[Float[np.ndarray, "samples 2"]]:
    """Write the stems and yield the sum of the written samples, without the trim."""
    gain, trim = ratio_of_level(gains.gain_db), ratio_of_level(gains.trim_db)
    for start, parts in side_by_side(stems, samples):
        length = min(BLOCK, samples - start)
        # In integers, so that the mix is the sum of the files to the last bit.
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
