"""Read the sound of a video, aligned to its first picture, and the sounds of libraries."""

import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from jaxtyping import Float32

from temporal_foley.errors import MediaError
from temporal_foley.media.downmix import downmix_matrix, to_float
from temporal_foley.media.open import DAMAGE, cause, native, open_media, regular_file, shown
from temporal_foley.media.probe import VideoInfo
from temporal_foley.media.streams import read_packets
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample

log = logging.getLogger(__name__)

Sound = Float32[np.ndarray, "samples channels"]

# Timestamps are rounded to milliseconds in some containers, so sound that is early or late by less
# than this is taken to go on where it left off; a real gap is longer.
GAP_TOLERANCE_S = Fraction(1, 50)
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 768_000
LONGEST_SOUND_S = 600
LOUDEST = 2.0**31
"""Above it a sample is damage: even those that were written at the scale of integers are below."""
_SIDES = {"both": (1.0, 1.0), "left": (1.0, 0.0), "right": (0.0, 1.0)}
SOUND_FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF")


def read_audio(
    info: VideoInfo, *, sample_rate_hz: int = SAMPLE_RATE_HZ, channels: int = 2, block: int = 48_000
) -> Iterator[Sound] | None:
    """Return the video's own sound in blocks, or None if it has none.

    Sample 0 is what sounds with the first picture, and there are exactly as many samples as the
    picture lasts: earlier sound is cut, gaps and a missing end are silence.

    Raises:
        MediaError: While reading: the file has changed or can no longer be opened.
    """
    if channels not in (1, 2):
        raise ValueError(f"channels must be 1 or 2, got {channels}")
    if block < 1:
        raise ValueError(f"block must be at least 1, got {block}")
    if not info.has_audio:
        return None
    length = to_sample(info.duration, sample_rate_hz)
    tracks = [
        _blocks(_resampled(info, track.index, sample_rate_hz, channels), length, channels, block)
        for track in info.sound
    ]
    if len(tracks) == 1:
        return tracks[0]
    return _mixed_tracks(tracks, [_SIDES[track.side] for track in info.sound])


def _mixed_tracks(
    tracks: Sequence[Iterator[Sound]], sides: Sequence[tuple[float, float]]
) -> Iterator[Sound]:
    """Add the blocks of several tracks, each on its side; in mono all are equally loud."""
    for blocks in zip(*tracks, strict=True):
        whole = np.zeros_like(blocks[0])
        for block, side in zip(blocks, sides, strict=True):
            weights = side if block.shape[1] == 2 else (sum(side) / 2,)
            whole += block * np.array(weights, np.float32)
        yield whole


def read_sound_file(path: Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Sound:
    """Read a WAV, FLAC, OGG, MP3, AIFF or MPEG-4 (.m4a) file of one or two channels whole.

    Raises:
        MediaError: It is no such file, or what its header says cannot be.
    """
    samples, rate = _mpeg4(path) if path.suffix.lower() == ".m4a" else _sound_of(path)
    name = shown(path)
    if len(samples) == 0:
        raise MediaError("holds no sound", path=name, remedy="remove it or export it again")
    if len(samples) > LONGEST_SOUND_S * rate:
        raise MediaError(f"longer than {LONGEST_SOUND_S // 60} minutes", path=name, remedy="cut it")
    if not _is_sound(samples):
        raise MediaError(
            "holds samples that are no numbers or huge", path=name, remedy="export it again"
        )
    if rate == sample_rate_hz:
        return samples
    return soxr.resample(samples, rate, sample_rate_hz)


def sound_file_rate(path: Path) -> int:
    """Return the sample rate that a sound file says it has.

    Raises:
        MediaError: It is no sound file that can be read.
    """
    if path.suffix.lower() == ".m4a":
        with open_media(path) as container:
            return _only_sound(container, path).codec_context.sample_rate
    try:
        return soundfile.info(native(regular_file(path))).samplerate
    except (soundfile.SoundFileError, OSError) as error:
        why = getattr(error, "error_string", None) or cause(error)
        raise MediaError(why, path=shown(path), remedy="convert it to WAV or FLAC") from None


def _sound_of(path: Path) -> tuple[Sound, int]:
    source = regular_file(path)
    name = shown(path)
    try:
        with soundfile.SoundFile(native(source)) as file:
            if file.format not in SOUND_FORMATS:
                raise MediaError(
                    f"{file.format} is not read", path=name, remedy="convert it to WAV or FLAC"
                )
            if file.channels not in (1, 2):
                raise MediaError(
                    f"has {file.channels} channels", path=name, remedy="mix it down to 1 or 2"
                )
            rate = file.samplerate
            if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
                raise MediaError(
                    f"a sample rate of {rate} Hz cannot be", path=name, remedy="export it again"
                )
            # The length in the header may be a lie: read what is there, and not more than allowed.
            return file.read(LONGEST_SOUND_S * rate + 1, dtype="float32", always_2d=True), rate
    except (soundfile.SoundFileError, OSError, ValueError, MemoryError) as error:
        raise MediaError(
            f"not a sound file that can be read ({cause(error)})",
            path=name,
            remedy="convert it to WAV or FLAC",
        ) from None


def _mpeg4(path: Path) -> tuple[Sound, int]:
    """Decode the sound of an MPEG-4 file, which libsndfile cannot."""
    with open_media(path) as container:
        stream = _only_sound(container, path)
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        pieces, length = [], 0
        try:
            for frame in container.decode(stream):
                if frame.sample_rate != rate or frame.layout.nb_channels != channels:
                    raise MediaError(
                        "changes its form midway", path=shown(path), remedy="convert it to WAV"
                    )
                # What is before time 0 is the run-in of the encoder.
                at = to_sample((frame.pts or 0) * (frame.time_base or Fraction(0)), rate)
                pieces.append(_mixed(frame, channels)[max(0, -at) :])
                length += len(pieces[-1])
                if length > LONGEST_SOUND_S * rate:
                    break
        except DAMAGE as error:
            log.debug("%s: a packet of sound is damaged (%s)", shown(path), cause(error))
    whole = np.concatenate(pieces) if pieces else np.zeros((0, channels))
    return whole.astype(np.float32), rate


def _only_sound(container: InputContainer, path: Path) -> AudioStream:
    streams = container.streams.audio
    if not streams or streams[0].codec_context is None:
        raise MediaError("holds no sound", path=shown(path), remedy="remove it or export it again")
    channels, rate = streams[0].codec_context.channels, streams[0].codec_context.sample_rate
    if channels not in (1, 2):
        raise MediaError(
            f"has {channels} channels", path=shown(path), remedy="mix it down to 1 or 2"
        )
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise MediaError(
            f"a sample rate of {rate} Hz cannot be", path=shown(path), remedy="export it again"
        )
    return streams[0]


def _resampled(info: VideoInfo, track: int, sample_rate_hz: int, channels: int) -> Iterator[Sound]:
    """Yield the sound from the first picture on, at the wanted rate, without gaps."""
    rate, resampler = None, None
    for frame_rate, samples in _aligned(info, track, channels):
        if rate is None:
            rate = frame_rate
            if rate != sample_rate_hz:
                resampler = soxr.ResampleStream(rate, sample_rate_hz, channels, dtype="float32")
        yield samples if resampler is None else resampler.resample_chunk(samples)
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True)


def _aligned(info: VideoInfo, track: int, channels: int) -> Iterator[tuple[int, Sound]]:
    """Yield `(sample_rate_hz, samples)` from the first picture on, gaps filled with silence."""
    rate, place, end, tolerance = 0, 0, 0, 0
    for start, frame in _decoded(info, track):
        if rate == 0:
            rate = frame.sample_rate
            end = math.ceil(info.duration * rate)
            # The sound may begin before the picture: what is earlier is cut below.
            place = min(0, to_sample(start, rate)) if start is not None else 0
        if frame.sample_rate != rate:  # A change midway: silence until the rate is back.
            continue
        samples = _mixed(frame, channels)
        first = place if start is None else to_sample(start, rate)
        if first - place > tolerance:
            yield from _silence(rate, min(first, end) - max(place, 0), channels)
            place = first
        elif place - first > tolerance:
            samples = samples[place - first :]
        # The first start is exact; a later one may be rounded.
        tolerance = math.ceil(GAP_TOLERANCE_S * rate)
        if place < 0:
            early = min(-place, len(samples))
            samples, place = samples[early:], place + early
        if len(samples):
            yield rate, samples
            place += len(samples)
        if place >= end:
            return


def _decoded(info: VideoInfo, track: int) -> Iterator[tuple[Fraction | None, AudioFrame]]:
    """Yield decoded frames with their start in seconds from the first picture."""
    with open_media(info.path) as container:
        if track >= len(container.streams):
            return
        stream = container.streams[track]
        if not isinstance(stream, AudioStream) or stream.codec_context is None:
            return
        for packet in itertools.chain(read_packets(container, stream, info.clock), [None]):
            try:
                frames = stream.decode(packet)
            except DAMAGE as error:
                log.debug("%s: a packet of sound is damaged (%s)", shown(info.path), cause(error))
                continue
            for frame in frames:
                start = None
                if frame.pts is not None and frame.time_base:
                    start = frame.pts * frame.time_base - info.start
                if frame.samples:
                    yield start, frame


def _mixed(frame: AudioFrame, channels: int) -> Sound:
    names = [channel.name for channel in frame.layout.channels]
    samples = to_float(frame.to_ndarray())
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(names)).T
    if not _is_sound(samples):
        samples = np.where(np.abs(samples) <= LOUDEST, samples, np.float32(0.0))
    return np.ascontiguousarray(samples.T @ downmix_matrix(names, channels))


def _is_sound(samples: Sound) -> bool:
    """Tell whether all samples of a piece are numbers, and not absurd ones."""
    # What is no number makes both comparisons false.
    return bool(samples.max(initial=0.0) <= LOUDEST and samples.min(initial=0.0) >= -LOUDEST)


def _silence(rate: int, length: int, channels: int) -> Iterator[tuple[int, Sound]]:
    while length > 0:
        count = min(length, rate)
        yield rate, np.zeros((count, channels), np.float32)
        length -= count


def _blocks(pieces: Iterator[Sound], length: int, channels: int, block: int) -> Iterator[Sound]:
    """Cut pieces of any size into blocks, `length` samples in all; a missing end is silence."""
    held, count, sent = [], 0, 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        while count >= block and sent + block <= length:
            joined = np.concatenate(held)
            yield joined[:block]
            held, count, sent = [joined[block:]], count - block, sent + block
        if sent + count >= length:
            break
    rest = np.concatenate([*held, np.zeros((0, channels), np.float32)])[: length - sent]
    while sent < length:
        size = min(block, length - sent)
        part, rest = rest[:size], rest[size:]
        filled = np.zeros((size, channels), np.float32)
        filled[: len(part)] = part
        yield filled
        sent += size
