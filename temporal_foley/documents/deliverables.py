"""Measure the files of a folder for their delivery: loudness, peaks, channels, silence, checksums.

Loudness follows EBU R 128 (integrated, short-term), its range EBU Tech 3342.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from temporal_foley.cue_list import read_timeline
from temporal_foley.errors import FoleyError, MediaError, meant_file, one_line
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import VIDEO_SUFFIXES
from temporal_foley.media.open import DAMAGE, open_media, shown
from temporal_foley.sound.signal.loudness import LoudnessMeter
from temporal_foley.timegrid import SAMPLE_RATE_HZ
from temporal_foley.timeline import keeps_own_sound

JSON_NAME, TEXT_NAME = "deliverables.json", "deliverables.txt"
SILENCE_DBFS = -80.0
"""Sound below it counts as silence at head and tail."""
NEAR_TARGET_LU = 0.5
"""EBU R 128 allows this much beside the target."""
_USUAL = {1: "mono", 2: "stereo", 4: "quad", 6: "5.1", 8: "7.1"}
"""What channels without a name are taken for, by their number."""
_SCHEMA = "temporal-foley/deliverables"
_SOUND_SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".m4a", ".mp3", ".ogg")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoundMeasures:
    """Measurements of one sound track; None where it is silent or too short to be measured."""

    codec: str
    rate_hz: int
    channels: tuple[str, ...]
    """The loudspeakers in the order of the channels: FL, FR, FC, LFE and so on."""
    states_channels: bool
    """Whether the file names them; else they are the usual ones for their number."""
    seconds: float
    integrated_lufs: float | None
    range_lu: float | None
    short_term_max_lufs: float | None
    true_peak_dbtp: float | None
    head_silence_s: float
    tail_silence_s: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deliverable:
    """A file, its checksum, and the measurements of its sound tracks."""

    name: str
    size: int
    sha256: str
    sounds: tuple[SoundMeasures, ...] = ()
    problem: str = ""
    """Why its sound could not be measured."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeliverablesReport:
    """The files of a folder in order of name, and what does not fit together."""

    files: tuple[Deliverable, ...]
    notes: tuple[str, ...]

    def json_text(self) -> str:
        """Return the report as JSON."""
        document = {
            "schema": _SCHEMA,
            "version": 1,
            "silence_dbfs": SILENCE_DBFS,
            **dataclasses.asdict(self),
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def text(self) -> str:
        """Return the report as text: a table of sounds, notes, and checksums as of `sha256sum`."""
        rows = [_HEAD, *(row for file in self.files for row in _rows(file))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        lines += ["", f"Silence: the sound stays below {SILENCE_DBFS:g} dBFS.", ""]
        lines += [*(self.notes or ("Nothing to note.",)), "", "SHA-256"]
        lines += [f"{file.sha256}  {file.name}" for file in self.files]
        return "\n".join(lines) + "\n"


_HEAD = ("File", "Seconds", "Format", "Channels", "LUFS", "Range LU", "Short-term max", "dBTP")
_HEAD += ("Head silence s", "Tail silence s")


def _rows(file: Deliverable) -> Iterator[tuple[str, ...]]:
    for sound in file.sounds:
        numbers = (sound.integrated_lufs, sound.range_lu, sound.short_term_max_lufs)
        levels = (*numbers, sound.true_peak_dbtp)
        yield (
            file.name,
            f"{sound.seconds:.3f}",
            f"{sound.codec} {sound.rate_hz} Hz",
            " ".join(sound.channels),
            *("-" if level is None else f"{level:.1f}" for level in levels),
            f"{sound.head_silence_s:.3f}",
            f"{sound.tail_silence_s:.3f}",
        )


def measure_folder(
    folder: Path, progress: Callable[[float], None] | None = None
) -> DeliverablesReport:
    """Measure all files of a folder and of the folders in it; hidden ones are left out.

    Args:
        folder: An output folder, a folder of stems, or any other.
        progress: Called with the fraction done, from 0 to 1.

    Raises:
        FoleyError: There is no such folder, or it has no file.
    """
    done = progress or (lambda part: None)
    if not folder.is_dir():
        raise FoleyError("no such folder", path=folder, remedy=meant_file(folder))
    paths = sorted(_files(folder), key=lambda path: path.relative_to(folder).parts)
    if not paths:
        raise FoleyError("has no files", path=folder, remedy="name one that generate made")
    files = []
    for number, path in enumerate(paths, 1):
        files.append(_measure_file(path, path.relative_to(folder).as_posix()))
        done(number / len(paths))
    return DeliverablesReport(files=tuple(files), notes=tuple(_notes(files, folder)))


def measure_sounds(path: Path) -> tuple[SoundMeasures, ...]:
    """Measure the sound tracks of a file.

    Raises:
        MediaError: It cannot be read.
    """
    found: list[SoundMeasures] = []
    try:
        with open_media(path) as container:
            count = len(container.streams.audio)
        for track in range(count):
            with open_media(path) as container:
                found.append(_measure_track(container.streams.audio[track], container))
    except DAMAGE as error:
        raise MediaError(f"cannot be measured ({one_line(error)})", path=shown(path)) from None
    return tuple(found)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts) or parts in ((JSON_NAME,), (TEXT_NAME,)):
            continue
        if path.is_file() and not path.is_symlink():
            yield path


def _measure_file(path: Path, name: str) -> Deliverable:
    name = name.encode("utf-8", "replace").decode("utf-8")
    sounds: tuple[SoundMeasures, ...] = ()
    problem = ""
    if path.suffix.lower() in (*_SOUND_SUFFIXES, *VIDEO_SUFFIXES):
        try:
            sounds = measure_sounds(path)
        except FoleyError as error:
            problem = error.what
    try:
        sha256, size = file_sha256(path), path.stat().st_size
    except OSError as error:
        raise MediaError(f"cannot be read ({error.strerror})", path=shown(path)) from None
    return Deliverable(name=name, size=size, sha256=sha256, sounds=sounds, problem=problem)


def _measure_track(stream: AudioStream, container: InputContainer) -> SoundMeasures:
    named = tuple(channel.name for channel in stream.layout.channels)
    is_stated = "NONE" not in named
    name = stream.layout.name if is_stated else _USUAL.get(len(named), f"{len(named)}c")
    layout = AudioLayout(name)
    channels = tuple(channel.name for channel in layout.channels)
    resampler = AudioResampler(format="flt", layout=layout.name, rate=SAMPLE_RATE_HZ)
    meter = LoudnessMeter(layout=layout.name)
    quiet = 10 ** (SILENCE_DBFS / 20)
    samples, first, last = 0, None, 0
    for block in _blocks(stream, container, resampler, len(channels)):
        meter.push(block)
        loud = np.flatnonzero(np.abs(block).max(axis=1) >= quiet)
        if len(loud):
            first = samples + int(loud[0]) if first is None else first
            last = samples + int(loud[-1]) + 1
        samples += len(block)
    # Before the end of the stream, where the meter adds silence.
    range_lu, short_term = meter.range_lu(), meter.short_term_lufs()
    integrated, true_peak = meter.finish()
    head = samples if first is None else first
    return SoundMeasures(
        codec=stream.codec_context.name,
        rate_hz=stream.rate or 0,
        channels=channels,
        states_channels=is_stated,
        seconds=round(samples / SAMPLE_RATE_HZ, 6),
        integrated_lufs=_rounded(integrated),
        range_lu=None if integrated is None else _rounded(range_lu),
        short_term_max_lufs=_rounded(short_term),
        true_peak_dbtp=_rounded(true_peak),
        head_silence_s=round(head / SAMPLE_RATE_HZ, 6),
        tail_silence_s=round((samples - last) / SAMPLE_RATE_HZ, 6),
    )


def _blocks(
    stream: AudioStream, container: InputContainer, resampler: AudioResampler, channels: int
) -> Iterator[np.ndarray]:
    for frame in container.decode(stream):
        frame.pts = None
        for part in resampler.resample(frame):
            yield part.to_ndarray().reshape(-1, channels)
    for part in resampler.resample(None):
        yield part.to_ndarray().reshape(-1, channels)


def _rounded(value: float | None) -> float | None:
    return round(value, 2) if value is not None and math.isfinite(value) else None


def _notes(files: Sequence[Deliverable], folder: Path) -> Iterator[str]:
    for file in files:
        if file.problem:
            yield f"{file.name}: {file.problem}"
        elif file.name.lower().endswith(VIDEO_SUFFIXES) and not file.sounds:
            yield f"{file.name}: has no sound"
        if any(len(sound.channels) > 2 and not sound.states_channels for sound in file.sounds):
            yield f"{file.name}: does not state the order of its channels; the usual one is shown"
    waves = [file for file in files if file.name.lower().endswith(".wav") and file.sounds]
    mix = next((file for file in waves if Path(file.name).name == "mix.wav"), None)
    if mix is not None:
        yield from _beside_mix(mix, waves)
    cues = folder / "cues.json"
    if mix is not None and cues.is_file():
        timeline, sound = read_timeline(cues), mix.sounds[0]
        settings, reached = timeline.mix, sound.integrated_lufs
        target = None if keeps_own_sound(timeline) else settings.loudness_lufs
        if reached is None:
            yield f"{mix.name}: is silent"
        elif target is not None and abs(reached - target) > NEAR_TARGET_LU:
            yield f"{mix.name}: has {reached:.1f} LUFS, not {target:g} as its cue list asks"
        peak, most = sound.true_peak_dbtp, settings.true_peak_dbtp
        if target is not None and peak is not None and peak > most + 0.1:
            yield f"{mix.name}: peaks at {peak:.1f} dBTP, above {most:g}"


def _beside_mix(mix: Deliverable, waves: Sequence[Deliverable]) -> Iterator[str]:
    """Yield the stems of a mix, by their folder, that differ from it in length or rate."""
    wanted = mix.sounds[0]
    for file in waves:
        if Path(file.name).parent == Path(mix.name).parent / "stems":
            sound = file.sounds[0]
            if sound.seconds != wanted.seconds:
                yield f"{file.name}: is {sound.seconds:g} s long, the mix {wanted.seconds:g} s"
            if sound.rate_hz != wanted.rate_hz:
                yield f"{file.name}: has {sound.rate_hz} Hz, the mix {wanted.rate_hz} Hz"
