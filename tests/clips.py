"""Make small videos with known content for tests.

Every picture carries its number as a row of black and white bars, so that a test knows which
one it was given, whatever codec, size or turn lies between.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BARS = 10
AUDIO_CODECS = {
    ".mp4": "aac",
    ".mov": "pcm_s16le",
    ".mkv": "flac",
    ".webm": "libopus",
    ".avi": "pcm_s16le",
    ".ts": "aac",
}
FAST = {
    "libx264": {"preset": "veryfast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}
FORMATS = {".mkv": "matroska", ".ts": "mpegts"}


def numbered_picture(number: int, width: int, height: int) -> np.ndarray:
    """Draw a number as `BARS` bars, lowest bit left, over the whole height."""
    bits = [(number >> bit) & 1 for bit in range(BARS)]
    bar = np.minimum(np.arange(width) * BARS // width, BARS - 1)
    row = np.where(np.array(bits)[bar], 215, 40).astype(np.uint8)
    return np.repeat(np.tile(row, (height, 1))[..., None], 3, axis=2)


def read_number(image: np.ndarray) -> int:
    """Read the number back from an upright picture."""
    width = image.shape[1]
    places = [(2 * bit + 1) * width // (2 * BARS) for bit in range(BARS)]
    levels = image[:, places].mean(axis=(0, 2))
    return sum(1 << bit for bit in range(BARS) if levels[bit] > 127)


def tone(seconds: float, rate_hz: int = 48_000, channels: int = 2, hz: float = 440.0) -> np.ndarray:
    """Make a sine, `(samples, channels)`."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = 0.4 * np.sin(2 * np.pi * hz * time)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def impulses(
    seconds: float, at_s: Sequence[float], rate_hz: int = 48_000, channels: int = 2
) -> np.ndarray:
    """Make silence with single-sample clicks, `(samples, channels)`."""
    sound = np.zeros((round(seconds * rate_hz), channels), np.float32)
    for time in at_s:
        sound[round(time * rate_hz)] = 0.9
    return sound


def make_clip(
    path: Path,
    *,
    seconds: float = 1.0,
    rate: Fraction | int = 25,
    size: tuple[int, int] = (160, 120),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    times: Sequence[Fraction] | None = None,
    start: Fraction = Fraction(0),
    picture: Callable[[int], np.ndarray] | None = None,
    options: dict[str, str] | None = None,
    audio: np.ndarray | None = None,
    audio_rate_hz: int = 48_000,
    audio_layout: str | None = None,
    audio_codec: str | None = None,
    audio_start: Fraction | None = None,
    rotation_deg: int = 0,
    pixel_aspect: Fraction | None = None,
    container_options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a clip; the container is that of the suffix.

    Args:
        path: Where to.
        seconds: Length; with `times`, these count instead.
        rate: Pictures a second.
        size: Width and height as stored.
        codec: Video encoder.
        pixel_format: Of the encoder.
        times: Times of the pictures in seconds from the first, for a variable rate.
        start: Stream time of the first picture.
        picture: Makes picture `i`, RGB; numbered bars if not given.
        options: Of the encoder, such as `{"bf": "3", "g": "10"}`.
        audio: Sound as `(samples, channels)` floats.
        audio_rate_hz: Of the sound.
        audio_layout: Such as `5.1`; by the number of channels if not given.
        audio_codec: Encoder; by the container if not given.
        audio_start: Stream time of the first sample; `start` if not given.
        rotation_deg: How far a player shall turn the picture clockwise.
        pixel_aspect: Width by height of a pixel.
        container_options: Of the muxer.
        metadata: Of the file.
    """
    width, height = size
    rate = Fraction(rate)
    if times is None:
        times = [Fraction(i) / rate for i in range(max(1, round(seconds * rate)))]
    draw = picture or (lambda number: numbered_picture(number, width, height))
    with av.open(
        str(path), "w", format=FORMATS.get(path.suffix), options=container_options or {}
    ) as container:
        container.metadata.update(metadata or {})
        video = container.add_stream(
            codec, rate=rate, options={**FAST.get(codec, {}), **(options or {})}
        )
        video.width, video.height, video.pix_fmt = width, height, pixel_format
        # MPEG-4 knows no clock as fine as the others'.
        fine = Fraction(1, math.lcm(90_000, rate.numerator))
        time_base = 1 / rate if codec in ("mpeg4", "mpeg2video") else fine
        video.codec_context.time_base = time_base
        if pixel_aspect:
            video.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation_deg:
            video.set_display_rotation(-rotation_deg)
        track = None
        if audio is not None:
            name = audio_codec or AUDIO_CODECS[path.suffix]
            track = container.add_stream(name, rate=audio_rate_hz)
            default = {1: "mono", 2: "stereo", 6: "5.1"}[audio.shape[1]]
            track.codec_context.layout = audio_layout or default
            track.codec_context.time_base = Fraction(1, audio_rate_hz)
        sound = []
        if track is not None:
            first = start if audio_start is None else audio_start
            sound = _encode_sound(track, audio, audio_rate_hz, round(first * audio_rate_hz))
        pictures = []
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            frame.time_base = time_base
            frame.pts = round((start + time) / time_base)
            pictures += video.encode(frame)
        pictures += video.encode(None)
        both = [*sound, *pictures]
        both.sort(key=lambda p: (p.dts if p.dts is not None else p.pts) * p.time_base)
        for packet in both:
            container.mux(packet)
    return path


def _encode_sound(track, audio: np.ndarray, rate_hz: int, first: int) -> list[av.Packet]:
    context = track.codec_context
    if not context.is_open:
        context.open()
    size = context.frame_size or 1024
    form = context.format.name
    packets = []
    for place in range(0, len(audio), size):
        samples = audio[place : place + size]
        if form.startswith("s16"):
            data = np.round(np.clip(samples, -1, 1 - 2**-15) * 2**15).astype(np.int16)
        elif form.startswith("s32"):
            data = np.round(np.clip(samples.astype(np.float64), -1, 1 - 2**-31) * 2**31)
            data = data.astype(np.int32)
        else:
            data = samples.astype(np.float32)
        data = data.T if context.format.is_planar else data.reshape(1, -1)
        layout = context.layout.name
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), form, layout)
        frame.sample_rate = rate_hz
        frame.time_base = Fraction(1, rate_hz)
        frame.pts = first + place
        packets += track.encode(frame)
    return packets + track.encode(None)


def two_tracks(path: Path, tracks, codec: str = "pcm_s16le", languages=()) -> Path:
    """Write a film with sound tracks: a click at each time, or silence for None."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        streams = []
        for _, layout in tracks:
            stream = container.add_stream(codec, rate=48_000)
            stream.codec_context.layout = layout
            streams.append(stream)
        for stream, language in zip(streams, languages, strict=False):
            stream.metadata["language"] = language
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * number, np.uint8), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for (place, layout), stream in zip(tracks, streams, strict=True):
            channels = 1 if layout == "mono" else 2
            samples = np.zeros((1, 48_000 * channels), np.int16)
            if place is not None:
                begin = round(place * 48_000) * channels
                samples[0, begin : begin + channels] = 30_000
            frame = av.AudioFrame.from_ndarray(samples, "s16", layout)
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def picture_packets(path: Path) -> list[tuple]:
    """Return what is in every packet of the picture, and when it is shown from the first on."""
    with av.open(str(path)) as container:
        found = [
            (hashlib.sha256(bytes(p)).hexdigest(), p.pts * p.time_base, p.is_keyframe, p.is_discard)
            for p in container.demux(video=0)
            if p.size
        ]
    start = min(time for _, time, _, is_hidden in found if not is_hidden)
    return [(data, time - start, *flags) for data, time, *flags in found]


def click_errors(sound: np.ndarray, places_s: Sequence[float], rate_hz: int = 48_000) -> list[int]:
    """Return how many samples late the loudest sample around each place is, 0.1 s to either side.

    That is 0.1 s where all is quiet.
    """
    reach = rate_hz // 10
    errors = []
    for place in places_s:
        centre = round(place * rate_hz)
        first = max(0, centre - reach)
        near = np.abs(sound[first : centre + reach, 0])
        loud = len(near) and near.max() >= 0.1
        errors.append(int(np.argmax(near)) + first - centre if loud else reach)
    return errors
