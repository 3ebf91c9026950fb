"""Make small whole media files of every kind that the program reads."""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.clips import make_clip, tone

SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Specimen:
    """How a video is made; `name` lists container and codecs."""

    name: str
    suffix: str
    wishes: Mapping[str, Any]


def _video(name: str, suffix: str, codec: str, sound: str, **wishes: Any) -> Specimen:
    return Specimen(name, suffix, {"codec": codec, "audio_codec": sound, **wishes})


_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_MJPEG = {"pixel_format": "yuvj420p"}

VIDEOS = (
    _video("mp4-h264-aac", ".mp4", "libx264", "aac", options={"bf": "2", "g": "12"}),
    _video("mp4-faststart", ".mp4", "libx264", "aac", container_options={"movflags": "faststart"}),
    _video("mp4-fragments", ".mp4", "libx264", "aac", container_options=_FRAGMENTS),
    _video("mp4-hevc-aac", ".mp4", "libx265", "aac"),
    _video("mp4-mpeg4-mp3", ".mp4", "mpeg4", "libmp3lame"),
    _video("mov-h264-pcm", ".mov", "libx264", "pcm_s16le", rotation_deg=90),
    _video("mov-mjpeg-pcm", ".mov", "mjpeg", "pcm_s24le", **_MJPEG),
    _video("mkv-h264-flac", ".mkv", "libx264", "flac", options={"bf": "3", "g": "10"}),
    _video("mkv-hevc-opus", ".mkv", "libx265", "libopus"),
    _video("mkv-vp9-ac3", ".mkv", "libvpx-vp9", "ac3"),
    _video("mkv-mjpeg-mp3", ".mkv", "mjpeg", "libmp3lame", **_MJPEG),
    _video("webm-vp9-opus", ".webm", "libvpx-vp9", "libopus", start=Fraction(1, 5)),
    _video("avi-mpeg4-mp3", ".avi", "mpeg4", "libmp3lame"),
    _video("avi-mjpeg-pcm", ".avi", "mjpeg", "pcm_s16le", **_MJPEG),
    _video("avi-h264-pcm", ".avi", "libx264", "pcm_s16le", options={"bf": "0"}),
    _video("ts-h264-aac", ".ts", "libx264", "aac"),
    _video("ts-hevc-mp3", ".ts", "libx265", "libmp3lame"),
    _video("ts-mpeg4-aac", ".ts", "mpeg4", "aac"),
)
SOUNDS = {
    "wav-16": (".wav", "WAV", "PCM_16"),
    "wav-24-extensible": (".wav", "WAVEX", "PCM_24"),
    "wav-float": (".wav", "WAV", "FLOAT"),
    "wav-rf64": (".wav", "RF64", "PCM_24"),
    "flac": (".flac", "FLAC", "PCM_16"),
    "ogg-vorbis": (".ogg", "OGG", "VORBIS"),
    "ogg-opus": (".ogg", "OGG", "OPUS"),
    "mp3": (".mp3", "MP3", "MPEG_LAYER_III"),
    "aiff": (".aiff", "AIFF", "PCM_16"),
}


def _picture(number: int) -> np.ndarray:
    """Draw grey slow waves with a red spot, bright enough for `judge_brightness`."""
    row = np.linspace(0, 2 * np.pi, 160)
    level = 128 + 90 * np.sin(row + number / 4)
    image = np.repeat(np.repeat(level[None, :, None], 120, axis=0), 3, axis=2)
    image[40:80, (5 * number) % 120 : (5 * number) % 120 + 30] = (230, 40, 40)
    return image.astype(np.uint8)


def make_video(specimen: Specimen, folder: Path) -> Path:
    """Write a video of a second with sound, once."""
    path = folder / f"{specimen.name}{specimen.suffix}"
    if not path.exists():
        # Bare samples at a low rate, or they would take all the damage.
        rate_hz, channels = (16_000, 1) if "pcm" in specimen.name else (48_000, 2)
        make_clip(
            path,
            seconds=SECONDS,
            picture=_picture,
            audio=tone(SECONDS, rate_hz, channels),
            audio_rate_hz=rate_hz,
            **specimen.wishes,
        )
    return path


def make_sound(name: str, folder: Path) -> Path:
    """Write half a second of a door-like knock as a sound file, once."""
    suffix, form, subtype = SOUNDS[name]
    path = folder / f"{name}{suffix}"
    if not path.exists():
        time = np.arange(24_000) / 48_000
        knock = np.exp(-time * 18) * np.sin(2 * np.pi * (180 - 90 * time) * time)
        samples = np.stack([0.5 * knock, 0.4 * knock], axis=1).astype(np.float32)
        soundfile.write(path, samples, 48_000, format=form, subtype=subtype)
    return path
