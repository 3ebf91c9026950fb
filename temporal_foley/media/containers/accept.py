"""Choose the container of a film: the one it has, or else the nearest that takes its codec."""

import contextlib
import dataclasses
import functools
import hashlib
import io
import math
import os
from fractions import Fraction

import av
import av.container
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from temporal_foley.files.output import fitting_stem
from temporal_foley.media.containers.fields import OWN_METADATA, TERMINOLOGICAL
from temporal_foley.media.open import DAMAGE, open_media
from temporal_foley.media.probe import HIGHEST_RATE, VideoInfo
from temporal_foley.media.streams import read_packets, video_stream
from temporal_foley.timegrid import SAMPLE_RATE_HZ


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """How sound is written in a container."""

    muxer: str
    codec: str
    sample_format: str
    bit_rate: int | None = None
    frame_samples: int = 1024

    @property
    def has_boxes(self) -> bool:
        """Whether the container is mp4 or mov."""
        return self.muxer in ("mp4", "mov")

    @property
    def is_matroska(self) -> bool:
        """Whether the container is Matroska or WebM."""
        return self.muxer in ("matroska", "webm")


FORMS = {
    ".mp4": Form(muxer="mp4", codec="aac", sample_format="fltp", bit_rate=320_000),
    ".mov": Form(muxer="mov", codec="pcm_s24le", sample_format="s32"),
    ".mkv": Form(muxer="matroska", codec="flac", sample_format="s32"),
    ".webm": Form(muxer="webm", codec="libopus", sample_format="flt", bit_rate=256_000),
    ".avi": Form(muxer="avi", codec="pcm_s24le", sample_format="s32"),
}
_MP4_CODECS = {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}
_WEBM_CODECS = {"vp8", "vp9", "av1"}
_LAST_RESORTS = (".mkv", ".mov", ".avi")
# Codec tags of ProRes by profile: without its own, a file is written as 422 HQ.
_PRORES = {
    "Proxy": "apco", "LT": "apcs", "Standard": "apcn", "HQ": "apch", "4444": "ap4h", "XQ": "ap4x",
    "4444XQ": "ap4x",
}  # fmt: skip


def output_suffix(info: VideoInfo) -> str:
    """Return the suffix of the container that the video gets with its new sound.

    mp4, mov, mkv and webm stay what they are. H.264 and H.265 from a stream or Flash video go to
    mp4, which keeps their times exactly; MXF and DV go to mov; all else goes to mkv. Where that
    container refuses the codec it is the first that takes it of mkv, mov and avi; an empty text
    means that none does.
    """
    try:
        stat = os.stat(info.path)
    except OSError:
        return _usual(info)
    return _first_that_fits(info, (stat.st_size, stat.st_mtime_ns))


def video_name(info: VideoInfo, *, same_name: bool = False) -> str:
    """Return the name of the video with its new sound; an empty text if none can be made.

    It differs from the source's, so that nobody takes one for the other in a bin.
    """
    suffix = output_suffix(info)
    end = suffix if same_name else f".foley{suffix}"
    return fitting_stem(info.path.stem, end) + end if suffix else ""


@functools.lru_cache(maxsize=64)
def _first_that_fits(info: VideoInfo, stamp: tuple[int, int]) -> str:
    del stamp  # So that a file that was replaced is tried again.
    usual = _usual(info)
    for suffix in dict.fromkeys((usual, *_LAST_RESORTS)):
        if _fits(info, FORMS[suffix]):
            return suffix
    return ""


def _usual(info: VideoInfo) -> str:
    suffix = info.path.suffix.lower()
    names = info.format.split(",")
    if "mov" in names:
        if suffix in (".mov", ".qt"):
            return ".mov"
        return ".mp4" if info.codec in _MP4_CODECS else ".mov"
    if "matroska" in names:
        return ".webm" if suffix == ".webm" and info.codec in _WEBM_CODECS else ".mkv"
    is_stream = {"mpegts", "mpeg", "flv"} & {*names}
    if is_stream and info.codec in ("h264", "hevc") and info.pictures.is_exact:
        return ".mp4"
    return ".mov" if {"mxf", "dv"} & {*names} or info.codec == "dvvideo" else ".mkv"


def _fits(info: VideoInfo, form: Form) -> bool:
    """Return whether a container takes a video, and gives its first picture back."""
    with contextlib.suppress(*DAMAGE, ValueError), open_media(info.path) as source:
        video = video_stream(source, info.path)
        for tag in dict.fromkeys((codec_tag(info, video, form), "")):
            with contextlib.suppress(*DAMAGE, ValueError):
                if _gives_back(info, form, tag):
                    return True
    return False


def accepted_tag(info: VideoInfo, video: VideoStream, form: Form) -> str:
    """Return the codec tag that a container takes: the film's own, or none."""
    tag = codec_tag(info, video, form)
    with contextlib.suppress(*DAMAGE, ValueError):
        if tag and _gives_back(info, form, tag):
            return tag
    return ""


def _gives_back(info: VideoInfo, form: Form, tag: str) -> bool:
    """Return whether the first packet of a video is the same picture in a container.

    Raises:
        FFmpegError, ValueError: The container refuses the codec, or its tag.
    """
    written = io.BytesIO()
    with open_media(info.path) as source:
        video = video_stream(source, info.path)
        with av.open(
            written, "w", format=form.muxer, container_options=muxer_options(info, form)
        ) as target:
            picture = copy_stream(target, video, info, form, tag)
            add_sound(target, 2, form)
            target.start_encoding()
            packet = next((p for p in read_packets(source, video) if p.is_keyframe), None)
            if packet is None:
                return True
            data = av.Packet(bytes(memoryview(packet)))
            data.pts, data.dts, data.time_base = 0, 0, picture.time_base or Fraction(1, 90_000)
            data.duration, data.is_keyframe, data.stream = 1, True, picture
            target.mux(data)
        try:
            old = _first(video, packet)
        except DAMAGE:  # It says nothing of the container, which is not what damaged it.
            old = None
        form_before = video.codec_context.pix_fmt
    written.seek(0)
    with av.open(written, "r", metadata_errors="replace") as again:
        new = again.streams.video[0]
        again_packet = next((p for p in again.demux(new) if p.size), None)
        if again_packet is None or new.codec_context.codec.canonical_name != info.codec:
            return False
        if form_before and new.codec_context.pix_fmt not in (None, form_before):
            return False
        return old is None or _first(new, again_packet) == old


def _first(video: VideoStream, packet: av.Packet) -> str | None:
    """Return a digest of the first picture that a packet gives; None if it gives none alone."""
    frames = video.decode(packet) or video.decode(None)
    if not frames:
        return None
    rows = frames[0].reformat(format="gray").to_ndarray()
    return hashlib.sha256(rows.tobytes()).hexdigest()


def muxer_options(info: VideoInfo, form: Form) -> dict[str, str]:
    """Return the options of FFmpeg's writer."""
    # Bit-exact: else Matroska names the file by chance, and no two runs are the same. Unofficial:
    # else 360 degrees and Dolby Vision are left out of mp4.
    fixed = {"fflags": "+bitexact", "strict": "unofficial"}
    if not form.has_boxes:
        return fixed
    scale = info.pictures.time_base.denominator
    # Edit lists count in ticks of the movie: make those fit both streams, or they are rounded.
    movie = math.lcm(scale, SAMPLE_RATE_HZ)
    return fixed | {
        "movflags": "+write_colr",
        "video_track_timescale": str(scale),
        "movie_timescale": str(movie if movie < 2**31 else SAMPLE_RATE_HZ),
    }


def codec_tag(info: VideoInfo, video: VideoStream, form: Form) -> str:
    """Return the codec tag to ask for; an empty text leaves it to the container."""
    if info.codec == "prores":
        return _PRORES.get((video.profile or "").replace(" ", ""), "")
    family = {
        "mov": form.has_boxes,
        "matroska": form.is_matroska or form.muxer == "avi",
        "avi": form.is_matroska or form.muxer == "avi",
    }
    names = info.format.split(",")
    if any(is_alike for name, is_alike in family.items() if name in names):
        tag = video.codec_tag or ""
        return tag if len(tag) == 4 and tag.isascii() and tag.isprintable() else ""
    return ""


def copy_stream(
    target: av.container.OutputContainer,
    video: VideoStream,
    info: VideoInfo,
    form: Form,
    tag: str,
) -> VideoStream:
    """Add the stream of a picture to a new file, with everything that its template lacks."""
    picture = target.add_stream_from_template(video, opaque=True)
    picture.disposition = video.disposition
    context = picture.codec_context
    # Without it Matroska says that pictures last a tick of its clock.
    rate = video.average_rate or video.guessed_rate
    if rate and rate <= HIGHEST_RATE:
        context.framerate = rate
    if form.muxer == "avi":
        picture.time_base = constant_step(info) or picture.time_base
    aspect = video.sample_aspect_ratio
    if aspect and form.has_boxes:  # Told by the container only, in many files.
        context.sample_aspect_ratio = aspect
    for name, text in video.metadata.items():
        if name.lower() not in OWN_METADATA:
            picture.metadata[name] = text
    language = picture.metadata.get("language", "")
    if form.has_boxes and language in TERMINOLOGICAL:
        picture.metadata["language"] = TERMINOLOGICAL[language]
    if tag:
        context.codec_tag = tag
    return picture


def constant_step(info: VideoInfo) -> Fraction | None:
    """Return how long each picture stands; None if they do not stand equally long."""
    step = 1 / info.video_rate
    first, base = int(info.pictures.ticks[0]), info.pictures.time_base
    places = {round((int(tick) - first) * base / step) for tick in info.pictures.ticks}
    return step if len(places) == len(info.pictures.ticks) else None


def add_sound(target: av.container.OutputContainer, channels: int, form: Form) -> AudioStream:
    """Add the stream of the new sound."""
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
