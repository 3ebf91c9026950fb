"""Read size, times and sound tracks of a video from its packets alone."""

import array
import dataclasses
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Int64

from temporal_foley.errors import MediaError
from temporal_foley.media.clock import STEADY, Clock, StreamTimes, join_recordings, may_jump
from temporal_foley.media.coding.field_pairs import FieldPairs
from temporal_foley.media.coding.keyframes import starts_afresh
from temporal_foley.media.containers.timecode import read_timecode
from temporal_foley.media.open import DAMAGE, cause, open_media, shown
from temporal_foley.media.orientation import Orientation, picture_orientation, upright_size
from temporal_foley.media.sound_tracks import SoundTrack, choose_tracks
from temporal_foley.media.streams import video_stream
from temporal_foley.timegrid import to_sample

# A file that ends this much before its header says so is reported as cut off.
TRUNCATION_TOLERANCE_S = Fraction(1, 4)
# Packets offered to the decoder in search of a first picture.
FIRST_PICTURE_PACKETS = 600
# Sound that begins or ends this much before or after the picture is said to be left out.
SOUND_TOLERANCE_S = Fraction(1, 10)
_REORDERED = ("h264", "hevc", "vvc")
USUAL_RATE, HIGHEST_RATE = Fraction(25), Fraction(1000)
# A film that is longer than this and stands still for so long, on average, is a damaged header.
LONG_S, LONGEST_PICTURE_S = 3600, 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureTimes:
    """The timestamps of all pictures of a video, in ticks of `time_base`, ascending.

    `keyframe_ticks` are those at which a decoder can start and give every later picture exactly.
    With `is_exact` False the packets carry no picture times; the ticks then are those of decoding
    and the k-th picture out of the decoder is the k-th of them. With `has_fields` a packet may hold
    a single field; the ticks are those of the first fields.
    """

    ticks: Int64[np.ndarray, " pictures"]
    keyframe_ticks: Int64[np.ndarray, " keyframes"]
    time_base: Fraction
    is_exact: bool
    has_fields: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What is known of a video before it is decoded.

    `width` and `height` are those of the upright picture with square pixels; `rotation_deg` is how
    far the stored picture is turned clockwise to stand upright. `start` is the stream time of the
    first picture; all other times count from there, and `lead` is how long the file has played when
    it comes. `duration` ends with the last picture. `timecode` is the camera's, where the file
    begins; empty if there is none. `sound` are the sound tracks that are used, by `audio_track`.
    """

    path: Path
    format: str
    codec: str
    width: int
    height: int
    rotation_deg: int
    start: Fraction
    duration: Fraction
    frame_count: int
    video_rate: Fraction
    has_audio: bool
    audio_rate_hz: int
    audio_channels: int
    is_truncated: bool
    warnings: tuple[str, ...]
    lead: Fraction
    timecode: str
    audio_track: str
    sound: tuple[SoundTrack, ...] = dataclasses.field(repr=False)
    clock: Clock = dataclasses.field(repr=False)
    orientation: Orientation = dataclasses.field(repr=False)
    pictures: PictureTimes = dataclasses.field(repr=False, compare=False)

    @property
    def duration_samples(self) -> int:
        """The length of stems and mix."""
        return max(1, to_sample(self.duration))


def probe_video(path: Path, audio_track: str = "") -> VideoInfo:
    """Read size, times and sound of a video in one pass over its packets.

    Only the first picture is decoded, for its orientation and to see that it can be. Memory grows
    by a few numbers a picture and by what FFmpeg keeps of the file's index.

    Args:
        path: The video.
        audio_track: The number of a sound track, from 1, or `all`; by default the usual one.

    Raises:
        MediaError: The file cannot be opened, has no video stream, or no picture of it decodes.
        UsageError: There is no such sound track.
    """
    with open_media(path) as container:
        video = video_stream(container, path)
        try:
            sound, notes = choose_tracks(container, path, audio_track)
            return _probe(path, container, video, sound, notes, audio_track)
        except DAMAGE as error:
            raise MediaError(
                f"damaged ({cause(error)})", path=shown(path), remedy="copy or export it again"
            ) from None


@dataclasses.dataclass
class _Packets:
    """What one pass over the packets gathers."""

    presented: array.array = dataclasses.field(default_factory=lambda: array.array("q"))
    decoded: array.array = dataclasses.field(default_factory=lambda: array.array("q"))
    keyframes: array.array = dataclasses.field(default_factory=lambda: array.array("q"))
    last_tick: int | None = None
    last_end: int = 0
    read: int = 0
    pictures: int = 0
    without_time: int = 0
    has_fields: bool = False
    is_cut: bool = False
    end: Fraction | None = None
    sound_start: Fraction | None = None
    sound_end: Fraction | None = None
    first: VideoFrame | None = None


def _probe(
    path: Path,
    container: av.container.InputContainer,
    video: VideoStream,
    sound: tuple[SoundTrack, ...],
    notes: list[str],
    audio_track: str,
) -> VideoInfo:
    clock, seams = _read_clock(path, video.index) if may_jump(container) else (STEADY, [])
    packets = _read_packets(container, video, sound, clock)
    first = packets.first
    if first is None:
        raise MediaError(
            "no picture can be decoded", path=shown(path), remedy="copy or export it again"
        )
    time_base = video.time_base or Fraction(1, 90_000)
    is_exact = packets.without_time == 0 and len(packets.presented) > 0
    # AVI stores only when a picture is decoded; its times of showing are FFmpeg's guess.
    if container.format.name == "avi" and video.codec_context.codec.canonical_name in _REORDERED:
        is_exact = len(packets.decoded) == 0
    ticks = np.sort(np.array(packets.presented if is_exact else packets.decoded, np.int64))
    if not is_exact and len(ticks) < packets.pictures and len(ticks):
        ticks = _evenly(video, int(ticks[0]), packets.pictures, time_base)
    if len(ticks) == 0:
        raise MediaError("its pictures carry no times", path=shown(path), remedy="export it again")
    rate = _average_rate(video, ticks, time_base)
    last = packets.last_end - int(ticks[-1]) if is_exact else 0
    # AVI counts in ticks of its header, and every picture lasts one of them.
    if last * time_base * HIGHEST_RATE < 1 or container.format.name == "avi":
        last = _last_step(ticks, rate, time_base)
    start = int(ticks[0]) * time_base
    duration = (int(ticks[-1] - ticks[0]) + last) * time_base
    if len(ticks) == 1 and packets.sound_end is not None:
        # A still with a sound: it stands as long as the sound goes on.
        duration = max(duration, packets.sound_end - start)
    elif duration > max(LONG_S, LONGEST_PICTURE_S * len(ticks)):
        raise MediaError(
            f"has {len(ticks)} pictures in {float(duration / 3600):.1f} hours",
            path=shown(path),
            remedy="its header has a wrong rate: export it again",
        )
    warnings = [
        f"the clock starts again at {float(seam):.2f} s: what follows is joined on"
        for seam in seams
    ]
    missing = _missing(container, video, packets, duration)
    is_truncated = packets.is_cut or missing > TRUNCATION_TOLERANCE_S
    if is_truncated:
        warnings.append(
            f"cut off: {float(duration):.2f} s of picture are there"
            + (f", {float(missing):.2f} s are missing" if missing > 0 else "")
        )
    warnings += notes
    for seconds, where in (
        (start - (packets.sound_start or start), "before the first"),
        ((packets.sound_end or start) - start - duration, "after the last"),
    ):
        if seconds > SOUND_TOLERANCE_S:
            warnings.append(f"{float(seconds):.2f} s of sound {where} picture are left out")
    audio = next(
        (s.codec_context for s in container.streams.audio if s.index in _used(sound)), None
    )
    orientation = picture_orientation(first, video.sample_aspect_ratio)
    width, height = upright_size(first.width, first.height, orientation)
    return VideoInfo(
        path=Path(path),
        format=container.format.name,
        codec=video.codec_context.codec.canonical_name,
        width=width,
        height=height,
        rotation_deg=orientation.rotation_deg,
        start=start,
        duration=duration,
        frame_count=len(ticks),
        video_rate=rate,
        has_audio=audio is not None,
        audio_rate_hz=(audio.sample_rate or 0) if audio else 0,
        audio_channels=max(len(audio.layout.channels), len(sound)) if audio else 0,
        is_truncated=is_truncated,
        warnings=tuple(warnings),
        lead=_lead(container, start),
        timecode=read_timecode(container, video, first, path),
        audio_track=audio_track,
        sound=sound,
        clock=clock,
        orientation=orientation,
        pictures=PictureTimes(
            ticks=ticks,
            keyframe_ticks=np.sort(np.array(packets.keyframes, np.int64)),
            time_base=time_base,
            is_exact=is_exact,
            has_fields=packets.has_fields,
        ),
    )


def _used(sound: tuple[SoundTrack, ...]) -> set[int]:
    return {track.index for track in sound}


def _lead(container: av.container.InputContainer, start: Fraction) -> Fraction:
    """Return how long a file has played when its first picture comes."""
    begin = Fraction(container.start_time or 0, av.time_base)
    if "mov" in container.format.name.split(","):
        begin = min(begin, Fraction(0))
    lead = start - begin
    # Times in a container are rounded: less than a millisecond is none.
    return lead if lead > Fraction(1, 1000) else Fraction(0)


def _read_clock(path: Path, video: int) -> tuple[Clock, list[Fraction]]:
    """Read all times once to find where the clock of a stream starts again."""
    with open_media(path) as container:
        wanted = [container.streams[video], *container.streams.audio]
        times = {
            stream.index: StreamTimes(time_base=stream.time_base or Fraction(1, 90_000))
            for stream in wanted
        }
        for packet in _demux(container, tuple(wanted), _Packets()):
            if packet.size:
                times[packet.stream_index].add(packet)
    return join_recordings(times, video) if times[video].decoded else (STEADY, [])


def _read_packets(
    container: av.container.InputContainer,
    video: VideoStream,
    sound: tuple[SoundTrack, ...],
    clock: Clock,
) -> _Packets:
    seen, pairs = _Packets(), FieldPairs(video)
    used = _used(sound)
    movers = {stream.index: clock.mover(stream.index) for stream in container.streams}
    for packet in _demux(container, (video, *container.streams.audio), seen):
        if packet.size:
            movers[packet.stream_index](packet)
        time = packet.pts if packet.pts is not None else packet.dts
        if time is not None and packet.size:
            begin = time * packet.time_base
            end = (time + (packet.duration or 0)) * packet.time_base
            seen.end = end if seen.end is None else max(seen.end, end)
            if packet.stream_index in used and not packet.is_discard:
                old = begin if seen.sound_start is None else seen.sound_start
                seen.sound_start = min(old, begin)
                seen.sound_end = max(seen.sound_end or end, end)
        if packet.stream_index != video.index:
            continue
        if seen.first is None and seen.read <= FIRST_PICTURE_PACKETS:
            seen.first = next(iter(_decoded(video, packet if packet.size else None)), None)
        if packet.size == 0:
            continue
        seen.read += 1
        seen.is_cut = packet.is_corrupt
        if packet.is_discard:
            continue
        is_second = pairs.is_second(packet)
        seen.has_fields |= is_second
        if not is_second:
            _note_picture(packet, video, seen)
        elif packet.pts is not None and packet.pts >= (seen.last_tick or packet.pts):
            seen.last_end = packet.pts + (packet.duration or 0)
    if seen.first is None:  # The end of a damaged file brings no packet that empties the decoder.
        seen.first = next(iter(_decoded(video, None)), None)
    return seen


def _note_picture(packet: av.Packet, video: VideoStream, seen: _Packets) -> None:
    seen.pictures += 1
    if packet.dts is not None:
        seen.decoded.append(packet.dts)
    if packet.pts is None:
        seen.without_time += 1
        return
    seen.presented.append(packet.pts)
    if packet.is_keyframe and starts_afresh(packet, video):
        seen.keyframes.append(packet.pts)
    if seen.last_tick is None or packet.pts >= seen.last_tick:
        seen.last_tick, seen.last_end = packet.pts, packet.pts + (packet.duration or 0)


def _demux(
    container: av.container.InputContainer, streams: tuple, seen: _Packets
) -> Iterator[av.Packet]:
    """Yield packets up to where the file cannot be read any further."""
    try:
        yield from container.demux(*streams)
    except DAMAGE:
        seen.is_cut = True


def _decoded(video: VideoStream, packet: av.Packet | None) -> list[VideoFrame]:
    try:
        return video.decode(packet)
    except DAMAGE:
        return []


def _average_rate(
    video: VideoStream, ticks: Int64[np.ndarray, " pictures"], time_base: Fraction
) -> Fraction:
    """Return pictures a second: what the file says if its times agree, else what they give."""
    stated = video.average_rate or video.guessed_rate or USUAL_RATE
    if stated > HIGHEST_RATE:  # The clock of a transport stream with a single picture.
        stated = USUAL_RATE
    span = int(ticks[-1] - ticks[0]) * time_base
    if len(ticks) < 2 or span <= 0:
        return stated
    measured = (len(ticks) - 1) / span
    if abs(stated - measured) <= measured / 200:
        return stated
    return measured.limit_denominator(1001)


def _evenly(
    video: VideoStream, first: int, count: int, time_base: Fraction
) -> Int64[np.ndarray, " pictures"]:
    """Return times of pictures that stand equally long, for packets that have no times at all."""
    rate = video.average_rate or video.guessed_rate or USUAL_RATE
    step = 1 / (rate if rate <= HIGHEST_RATE else USUAL_RATE) / time_base
    return np.array([first + math.floor(number * step) for number in range(count)], np.int64)


def _last_step(ticks: Int64[np.ndarray, " pictures"], rate: Fraction, time_base: Fraction) -> int:
    """Return how long the last picture stands where its packet does not say."""
    steps = np.diff(ticks[-8:])
    steps = steps[steps > 0]
    return int(steps[-1]) if len(steps) else math.ceil(1 / rate / time_base)


def _missing(
    container: av.container.InputContainer,
    video: VideoStream,
    packets: _Packets,
    duration: Fraction,
) -> Fraction:
    """Return how many seconds the header promises beyond what is there."""
    if container.format.name == "mpegts":  # No header: the stated duration is that of the data.
        return Fraction(0)
    if container.format.name == "avi" and video.frames and video.time_base:
        # Its duration is corrected for the length of the file; the count of pictures is not.
        return video.frames * video.time_base - duration
    if video.duration and video.time_base:
        return video.duration * video.time_base - duration
    if container.duration and packets.end is not None:
        stated = Fraction(container.duration, av.time_base)
        if "matroska" not in container.format.name:  # There it counts from stream time 0.
            stated += Fraction(container.start_time or 0, av.time_base)
        return stated - packets.end
    return Fraction(0)
