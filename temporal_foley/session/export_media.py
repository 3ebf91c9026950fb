"""Write the sound files of an export: takes and stems as broadcast WAV."""

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float, Int

from temporal_foley.media.audio import read_audio
from temporal_foley.media.open import native
from temporal_foley.media.probe import VideoInfo
from temporal_foley.session.broadcast_wav import SoundNotes, write_broadcast_wav
from temporal_foley.session.build_session import (
    LEADER_S,
    POP_BEFORE_S,
    POP_DB,
    POP_HZ,
    SessionSettings,
)
from temporal_foley.session.session_model import Media, Session, TakeShape
from temporal_foley.session.stem_names import StemNames
from temporal_foley.session.timecode import DAY_S, EditRate, time_reference
from temporal_foley.sound.mix import MIX, STEMS_FOLDER, write_mix
from temporal_foley.sound.render import render_track
from temporal_foley.sound.signal.blocks import Block
from temporal_foley.sound.signal.distance import REACH, distance_lowpass
from temporal_foley.sound.signal.wav import WavWriter, quantise
from temporal_foley.sound.takes.library import Library
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample
from temporal_foley.timeline import Asset, Cue, Loop, Timeline, Track

_BLOCK = 1 << 18

Done = Callable[[float], None]
Whole = Int[np.ndarray, "samples channels"]


def shape_reader(library: Library) -> Callable[[Asset], TakeShape]:
    """Return a function that measures length, channels and peak of takes, reading each once."""
    known: dict[Asset, TakeShape] = {}

    def shape_of(asset: Asset) -> TakeShape:
        if asset not in known:
            samples = library.read(asset).samples
            known[asset] = TakeShape(
                samples=len(samples),
                channels=samples.shape[1],
                peak=float(np.abs(samples).max(initial=0.0)),
            )
        return known[asset]

    return shape_of


def write_media(
    session: Session, library: Library, info: VideoInfo | None, folder: Path, done: Done
) -> None:
    """Write every sound file of a session into a folder; `info` is the video.

    Raises:
        LibraryError: A take is not in the library.
    """
    folder.mkdir(parents=True, exist_ok=True)
    begins = session.file_begins
    origin = time_reference(session.start_frame, session.edit)
    for number, media in enumerate(session.media, 1):
        notes = SoundNotes(
            description=f"{session.name}: {media.title}",
            project=session.name,
            track_name=media.title,
            time_reference=(origin + begins.get(media.name, 0)) % (DAY_S * SAMPLE_RATE_HZ),
            edit=session.edit,
        )
        write_broadcast_wav(
            folder / media.name,
            _media_blocks(media, library) if not media.is_original else _own_sound(media, info),
            notes,
            samples=media.samples,
            channels=media.channels,
        )
        done(number / len(session.media))


def write_stems(
    timeline: Timeline,
    library: Library,
    info: VideoInfo | None,
    folder: Path,
    settings: SessionSettings,
    done: Done,
) -> tuple[float, float]:
    """Render stems and mix of a timeline into the folder `stems`.

    Returns the gains of the effects and of the video's own sound in the mix.

    With a 2-pop they begin ten seconds before the picture, and each has the tone. `info` is the
    video whose own sound becomes a stem; None if it has no sound or is muted.
    """
    edit = settings.edit
    leader = LEADER_S * edit.nominal if settings.has_pop else 0
    names = StemNames(timeline, edit, settings.first_frame - leader)
    target = folder / STEMS_FOLDER
    target.mkdir()
    with tempfile.TemporaryDirectory(dir=folder) as made:
        report = write_mix(
            timeline,
            library,
            Path(made),
            original=None if info is None else lambda: read_audio(info) or iter(()),
            files=names,
            progress=lambda part: done(0.8 * part),
        )
        sounds = (*report.stems, report.mix)
        for number, stem in enumerate(sounds, 1):
            name, chunks = names(stem.name)
            if settings.has_pop:
                _write_after(_leader(edit), stem.path, target / name, chunks)
            else:
                os.replace(stem.path, target / name)
            done(0.8 + 0.2 * number / len(sounds))
    return report.effects_gain_db, report.gain_db


def copy_stems(made: Path, folder: Path, names: StemNames) -> None:
    """Copy the stems and the mix of an output folder into the folder `stems`."""
    target = folder / STEMS_FOLDER
    shutil.copytree(made / STEMS_FOLDER, target)
    shutil.copyfile(made / f"{MIX}.wav", target / names(MIX).name)


def _write_after(head: Whole, sound: Path, path: Path, chunks: bytes) -> None:
    """Write a sound file with something before it."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(soundfile.SoundFile(native(sound)))
        size = len(head) + file.frames
        writer = stack.enter_context(WavWriter(path, size, chunks=chunks))
        writer.write(head)
        while len(block := file.read(_BLOCK, dtype="int32", always_2d=True)):
            writer.write(np.right_shift(block, 8))  # 24 bits stand on top of the 32.


def _media_blocks(media: Media, library: Library) -> Iterator[Whole]:
    gain = 10.0 ** (-media.gain_db / 20.0)
    if media.asset is None:
        yield quantise(_tone(media.samples)[:, None])
        return
    lead = min(max(0, -media.start), media.samples)
    if lead:
        yield np.zeros((lead, media.channels), np.int32)
    first, end = max(0, media.start), media.start + media.samples
    for start in range(first, end, _BLOCK):
        stop = min(end, start + _BLOCK)
        if media.loop is None:
            samples = library.read(media.asset).samples
            yield quantise(_stretch(samples, start, stop, media.lowpass_hz), gain)
        else:
            yield quantise(_looped(media, media.asset, media.loop, library, start, stop), gain)


def _own_sound(media: Media, info: VideoInfo | None) -> Iterator[Whole]:
    """Yield the video's own sound, as long as the picture."""
    left = media.samples
    for block in (None if info is None else read_audio(info)) or ():
        if left:
            yield quantise(block[:left])
            left -= min(left, len(block))
    while left:
        yield np.zeros((min(left, _BLOCK), media.channels), np.int32)
        left -= min(left, _BLOCK)


def _stretch(
    samples: Float[np.ndarray, "samples channels"], start: int, stop: int, lowpass_hz: float | None
) -> Float[np.ndarray, "inner channels"]:
    """Return `[start, stop)` of a take, through the distance filter if it has one."""
    if lowpass_hz is None:
        return samples[start:stop]
    first, last = max(0, start - REACH), min(len(samples), stop + REACH)
    missing = (REACH - (start - first), REACH - (last - stop))
    return distance_lowpass(np.pad(samples[first:last], (missing, (0, 0))), lowpass_hz)


def _looped(
    media: Media, asset: Asset, loop: Loop, library: Library, start: int, stop: int
) -> Float[np.ndarray, "samples channels"]:
    """Return `[start, stop)` of a take whose loop repeats without end, joined as in rendering."""
    cue = Cue(
        id="loop",
        effect="loop",
        onset_sample=0,
        offset_sample=stop,
        confidence=1.0,
        asset=asset,
        licence="",
        source_end=loop.end,
        loop=loop,
        lowpass_hz=media.lowpass_hz,
    )
    # On the bus at 0 dB and in the middle, where a mono take has half its power on each side.
    track = Track(effect="loop", kind="loop", bus="hard_effects", cues=(cue,))
    both: Block = render_track(track, library, start, stop)
    return both if media.channels == 2 else both[:, :1] * np.float32(math.sqrt(2.0))


def _leader(edit: EditRate) -> Whole:
    """Return ten seconds of silence with the 2-pop."""
    grid = edit.grid
    pop = (LEADER_S - POP_BEFORE_S) * edit.nominal
    samples = np.zeros((to_sample(grid.time(LEADER_S * edit.nominal)), 2), np.float64)
    begin, end = to_sample(grid.time(pop)), to_sample(grid.time(pop + 1))
    samples[begin:end] = _tone(end - begin)[:, None]
    return quantise(samples)


def _tone(samples: int) -> Float[np.ndarray, " samples"]:
    level = 10.0 ** (POP_DB / 20.0)
    turns = float(Fraction(POP_HZ, SAMPLE_RATE_HZ)) * np.arange(samples)
    return level * np.sin(2.0 * np.pi * turns)
