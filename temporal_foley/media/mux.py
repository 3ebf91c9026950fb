"""Write a video with new sound; the packets of its picture stay the same."""

import contextlib
import dataclasses
import logging
import math
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from temporal_foley.errors import MediaError
from temporal_foley.media.open import DAMAGE, cause, open_media, regular_file, shown
from temporal_foley.media.probe import HIGHEST_RATE, VideoInfo
from temporal_foley.media.streams import read_packets, video_stream
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Form:
    """How sound is written in a container."""

    muxer: str
    codec: str
    sample_format: str
    bit_rate: int | None = None
    frame_samples: int = 1024


_FORMS = {
    ".mp4": _Form(muxer="mp4", codec="aac", sample_format="fltp", bit_rate=320_000),
    ".mov": _Form(muxer="mov", codec="pcm_s24le", sample_format="s32"),
    ".mkv": _Form(muxer="matroska", codec="flac", sample_format="s32"),
    ".webm": _Form(muxer="webm", codec="libopus", sample_format="flt", bit_rate=256_000),
}
_MP4_CODECS = {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}
_WEBM_CODECS = {"vp8", "vp9", "av1"}
# Written by the muxer itself, or true of the old file only.
_OWN_METADATA = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration",
    "number_of_frames", "number_of_bytes", "bps", "_statistics_writing_app",
    "_statistics_writing_date_utc", "_statistics_tags", "vendor_id",
}  # fmt: skip


def output_suffix(info: VideoInfo) -> str:
    """Return the suffix of the container that the video gets with its new sound.

    mp4, mov, mkv and webm stay what they are. H.264 and H.265 from a transport stream go to mp4,
    which keeps their times exactly; all else goes to mkv, which takes any codec.
    """
    suffix = info.path.suffix.lower()
    names = info.format.split(",")
    if "mov" in names:
        if suffix in (".mov", ".qt"):
            return ".mov"
        return ".mp4" if info.codec in _MP4_CODECS else ".mov"
    if "matroska" in names:
        return ".webm" if suffix == ".webm" and info.codec in _WEBM_CODECS else ".mkv"
    if "mpegts" in names and info.codec in ("h264", "hevc") and info.pictures.is_exact:
        return ".mp4"
    return ".mkv"


def mux_sound(info: VideoInfo, sound: Path, out: Path) -> None:
    """Write the picture of a video with a new sound; the container is that of `out`'s suffix.

    Video packets, their times, rotation, colour and metadata stay as they are. The sound, a 48 kHz
    WAV file whose first sample belongs to the first picture, is AAC in mp4, 24-bit PCM in mov, FLAC
    in mkv and Opus in webm, and meets the picture to the sample. `out` appears whole or not at all,
    and is replaced if it exists.

    Raises:
        MediaError: The video or sound cannot be read, or `out` cannot be written.
    """
    form = _FORMS.get(out.suffix.lower())
    if form is None:
        raise MediaError(
            "cannot be written", path=shown(out), remedy=f"name it {', '.join(_FORMS)}"
        )
    if out.exists() and out.resolve() == info.path.resolve():
        raise MediaError("is the video itself", path=shown(out), remedy="name another output")
    part = out.with_name(out.name + ".part")
    try:
        _write(info, sound, part, form)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, out)
    except DAMAGE as error:
        raise MediaError(
            f"cannot be written ({cause(error)})",
            path=shown(out),
            remedy="check the folder's permissions and space",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _write(info: VideoInfo, sound: Path, part: Path, form: _Form) -> None:
    with contextlib.ExitStack() as stack:
        wav = stack.enter_context(_open_sound(sound))
        source = stack.enter_context(open_media(info.path))
        video = video_stream(source, info.path)
        target = stack.enter_context(
            av.open(str(part), "w", format=form.muxer, container_options=_options(form, video))
        )
        for name, text in source.metadata.items():
            if name.lower() not in _OWN_METADATA:
                target.metadata[name] = text
        picture = _copy_stream(target, video)
        track = _add_sound(target, wav.channels, form)
        target.set_chapters(source.chapters())
        sounds = _sound_packets(wav, track, form, info)
        pending = next(sounds, None)
        target.start_encoding()
        copied, refused = 0, 0
        for packet in read_packets(source, video):
            now = _time(packet)
            while pending is not None and _time(pending) <= now:
                target.mux(pending)
                pending = next(sounds, None)
            if form.muxer in ("mp4", "mov"):
                packet.duration = _ticks_on_screen(packet, info)
            packet.stream = picture
            try:
                target.mux(packet)
                copied += 1
            except av.error.ArgumentError:  # Times that run backwards, in a damaged file.
                refused += 1
        if copied == 0:
            raise MediaError(
                "no picture can be copied", path=shown(info.path), remedy="export it again"
            )
        if refused:
            log.warning("%s: %d damaged pictures were left out", shown(info.path), refused)
        while pending is not None:
            target.mux(pending)
            pending = next(sounds, None)


def _ticks_on_screen(packet: av.Packet, info: VideoInfo) -> int:
    """Return how long a picture is shown.

    A demuxer reports the step to the next one that is decoded, which with B-frames is the step of
    another picture; where the longest is not the last, the film would seem to go on after its end.
    """
    ticks = info.pictures.ticks
    if packet.pts is not None and info.pictures.is_exact:
        after = int(np.searchsorted(ticks, packet.pts, side="right"))
        if after < len(ticks):
            return int(ticks[after]) - packet.pts
        left = int(ticks[0]) + int(info.duration / info.pictures.time_base) - packet.pts
        if left > 0:
            return left
    return packet.duration or round(1 / info.video_rate / packet.time_base)


def _time(packet: av.Packet) -> Fraction:
    """Return when a packet is due; one without any time is due at once."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    return -Fraction(10**9) if ticks is None else ticks * packet.time_base


def _options(form: _Form, video: VideoStream) -> dict[str, str]:
    # Bit-exact: else Matroska names the file by chance, and no two runs are the same.
    fixed = {"fflags": "+bitexact"}
    if form.muxer not in ("mp4", "mov"):
        return fixed
    scale = video.time_base.denominator if video.time_base else 90_000
    # Edit lists count in ticks of the movie: make those fit both streams, or they are rounded.
    movie = math.lcm(scale, SAMPLE_RATE_HZ)
    return fixed | {
        "movflags": "+faststart" if form.muxer == "mp4" else "+write_colr",
        "video_track_timescale": str(scale),
        "movie_timescale": str(movie if movie < 2**31 else SAMPLE_RATE_HZ),
    }


def _copy_stream(target: av.container.OutputContainer, video: VideoStream) -> VideoStream:
    picture = target.add_stream_from_template(video, opaque=True)
    picture.disposition = video.disposition
    # Without it Matroska says that pictures last a tick of its clock.
    rate = video.average_rate or video.guessed_rate
    if rate and rate <= HIGHEST_RATE:
        picture.codec_context.framerate = rate
    for name, text in video.metadata.items():
        if name.lower() not in _OWN_METADATA:
            picture.metadata[name] = text
    # Players of one vendor know H.265 only under this tag, where its parameters are in the header.
    if video.codec_tag == "hvc1" and target.format.name in ("mp4", "mov"):
        picture.codec_context.codec_tag = "hvc1"
    return picture


def _add_sound(target: av.container.OutputContainer, channels: int, form: _Form) -> AudioStream:
    track = target.add_stream(form.codec, rate=SAMPLE_RATE_HZ)
    assert isinstance(track, AudioStream)
    track.codec_context.format = form.sample_format
    track.codec_context.layout = "stereo" if channels == 2 else "mono"
    track.codec_context.time_base = Fraction(1, SAMPLE_RATE_HZ)
    track.time_base = Fraction(1, SAMPLE_RATE_HZ)
    if form.codec == "aac":
        # Three times as fast as the default search, and closer to the sound at these rates.
        track.codec_context.options = {"aac_coder": "fast"}
    if form.bit_rate:
        track.codec_context.bit_rate = form.bit_rate * channels // 2
    return track


def _open_sound(sound: Path) -> soundfile.SoundFile:
    try:
        file = soundfile.SoundFile(regular_file(sound))
    except soundfile.SoundFileError as error:
        raise MediaError(
            f"not a WAV file ({cause(error)})", path=shown(sound), remedy="render it again"
        ) from None
    if file.samplerate != SAMPLE_RATE_HZ or file.channels not in (1, 2):
        file.close()
        raise MediaError(
            f"must be {SAMPLE_RATE_HZ} Hz with 1 or 2 channels",
            path=shown(sound),
            remedy="render it again",
        )
    return file


def _sound_packets(
    wav: soundfile.SoundFile, track: AudioStream, form: _Form, info: VideoInfo
) -> Iterator[av.Packet]:
    """Encode the sound in blocks; its first sample gets the time of the first picture."""
    first = to_sample(info.start)
    left = min(wav.frames, to_sample(info.duration))
    layout = "stereo" if wav.channels == 2 else "mono"
    place = 0
    while left > 0:
        size = track.codec_context.frame_size or form.frame_samples
        dtype = "int32" if form.sample_format == "s32" else "float32"
        samples = wav.read(min(size, left), dtype=dtype, always_2d=True)
        if len(samples) == 0:
            break
        planar = form.sample_format.endswith("p")
        data = samples.T if planar else samples.reshape(1, -1)
        data = np.ascontiguousarray(data, dtype)
        frame = AudioFrame.from_ndarray(data, form.sample_format, layout)
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        frame.pts = first + place
        for packet in track.encode(frame):
            yield _timed(packet, form)
        place += len(samples)
        left -= len(samples)
    for packet in track.encode(None):
        yield _timed(packet, form)


def _timed(packet: av.Packet, form: _Form) -> av.Packet:
    """Round times down to what the container holds.

    WebM counts milliseconds, Opus starts 6.5 ms early, and the muxer adds 7 ms to what it rounds
    to the nearest: with half milliseconds rounded up, all would be 1 ms late.
    """
    if form.muxer == "webm" and packet.pts is not None:
        packet.duration = math.floor((packet.duration or 0) * packet.time_base * 1000)
        packet.pts = packet.dts = math.floor(packet.pts * packet.time_base * 1000)
        packet.time_base = Fraction(1, 1000)
    return packet
