"""Write a video with new sound; the packets of its picture stay the same."""

import contextlib
import errno
import math
import os
import tempfile
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.error
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from temporal_foley.errors import MediaError
from temporal_foley.media.containers.accept import (
    FORMS,
    Form,
    accepted_tag,
    add_sound,
    constant_step,
    copy_stream,
    muxer_options,
    output_suffix,
)
from temporal_foley.media.containers.carry import finish_boxes
from temporal_foley.media.containers.fields import (
    OWN_METADATA,
    compare_fields,
    count_others,
    read_fields,
)
from temporal_foley.media.containers.film import Film, read_film, speed_changes
from temporal_foley.media.containers.kept_sound import due, own_sound, sounds_alike
from temporal_foley.media.containers.matroska import ROOM, read_video_element, write_video_element
from temporal_foley.media.containers.timecode import reel_name
from temporal_foley.media.open import DAMAGE, cause, native, open_media, regular_file, shown
from temporal_foley.media.probe import VideoInfo
from temporal_foley.media.streams import video_stream
from temporal_foley.timegrid import SAMPLE_RATE_HZ, to_sample

__all__ = ["mux_sound", "output_suffix"]

_KEPT_ELSEWHERE = {"timecode", "language", "handler_name", "reel_name", "rotate"}
_TRIED_PACKETS = 12
_NO_ROOM = {errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOENT, errno.ENOTDIR}
_NO_ROOM |= {errno.EDQUOT, errno.ENAMETOOLONG}


def mux_sound(
    info: VideoInfo, sound: Path | None, out: Path, *, timecode: str = ""
) -> tuple[str, ...]:
    """Write the picture of a video with a new sound; the container is that of `out`'s suffix.

    The first picture is at 0. Video packets, their distances, rotation, colour and metadata stay as
    they are; the old and the new file are compared field by field. The sound, a 48 kHz WAV file
    whose first sample belongs to the first picture, is AAC in mp4, 24-bit PCM in mov and avi, FLAC
    in mkv and Opus in webm, and meets the picture to the sample. `out` appears whole or not at all,
    and is replaced if it exists.

    Args:
        info: The video.
        sound: The sound; None keeps the video's own sound tracks, packet by packet.
        out: The file to write.
        timecode: The timecode of the first picture; by default that of the video, if it has one.

    Returns:
        A line for everything that could not be kept.

    Raises:
        MediaError: The video or sound cannot be read, or `out` cannot be written, or its container
            cannot keep the video's own sound as it is.
    """
    form = FORMS.get(out.suffix.lower())
    if form is None:
        raise MediaError("cannot be written", path=shown(out), remedy=f"name it {', '.join(FORMS)}")
    if out.exists() and out.resolve() == info.path.resolve():
        raise MediaError("is the video itself", path=shown(out), remedy="name another output")
    # A name may be as long as the file system allows, so the part's is short.
    part = out.with_name(f".{os.getpid()}-{threading.get_ident()}.mux.part")
    try:
        lines = _write(info, sound, part, form, timecode or info.timecode)
        if sound is None and not sounds_alike(info, part):
            raise MediaError(f"{form.muxer} plays its own sound otherwise", path=shown(out))
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, out)
    except DAMAGE as error:
        has_room = getattr(error, "errno", None) not in _NO_ROOM
        raise MediaError(
            f"cannot be written ({cause(error)})",
            path=shown(out),
            remedy=None if has_room else "check the folder's permissions and space",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return lines


def try_mux(info: VideoInfo, timecode: str = "") -> tuple[str, ...]:
    """Return what `mux_sound` would say could not be kept, from the first pictures of a video.

    Raises:
        MediaError: The container does not take them.
    """
    form = FORMS[output_suffix(info)]
    with tempfile.TemporaryDirectory(prefix="temporal-foley-") as folder:
        sound, part = Path(folder) / "silence.wav", Path(folder) / "film.part"
        try:
            soundfile.write(sound, np.zeros((SAMPLE_RATE_HZ // 10, 2)), SAMPLE_RATE_HZ)
            lines = _write(info, sound, part, form, timecode or info.timecode, _TRIED_PACKETS)
        except soundfile.SoundFileError as error:
            raise MediaError(
                f"no room to try its container ({cause(error)})",
                path=shown(Path(tempfile.gettempdir())),
                remedy="free some space",
            ) from None
        except DAMAGE as error:
            raise MediaError(
                f"cannot be written as {form.muxer} ({cause(error)})", path=shown(info.path)
            ) from None
    # A few pictures have no rate.
    return tuple(line for line in lines if not line.startswith("picture rate"))


def _write(
    info: VideoInfo,
    sound: Path | None,
    part: Path,
    form: Form,
    timecode: str,
    most_packets: int | None = None,
) -> tuple[str, ...]:
    lines: list[str] = []
    with contextlib.ExitStack() as stack:
        wav = None if sound is None else stack.enter_context(_open_sound(sound))
        source = stack.enter_context(open_media(info.path))
        video = video_stream(source, info.path)
        target = stack.enter_context(
            av.open(str(part), "w", format=form.muxer, container_options=muxer_options(info, form))
        )
        has_boxes = form.has_boxes and "mov" in info.format.split(",")
        for name, text in source.metadata.items():
            is_own = name.lower() in OWN_METADATA
            # What was in boxes stays in its boxes; a tag beside them would be a second one.
            if not is_own and (not has_boxes or name == "creation_time"):
                target.metadata[name] = text
        picture = copy_stream(target, video, info, form, accepted_tag(info, video, form))
        _tag_picture(picture, info, form, timecode)
        if wav is None:
            sounds = own_sound(info, source, target)
        else:
            sounds = _sound_packets(wav, add_sound(target, wav.channels, form), form, info)
        target.set_chapters(_chapters(source, info))
        target.start_encoding()
        film = read_film(info, source, video, most_packets)
        lines += _copy(target, picture, film, sounds, info, form)
        lines += [f"{_some(count, name)} left out" for name, count in _others(source, video)]
        if speed_changes(info, video):
            lines.append("the edit list plays parts at another speed: here all play at their own")
        track_number = video.id
        place = list(source.streams.video).index(video)
        title = video.metadata.get("title", "")
    if form.has_boxes:
        finish_boxes(
            part,
            old=info.path if has_boxes else None,
            old_track=track_number,
            edits=film.edits,
            keys={} if has_boxes else _lost_tags(info.path, part),
            at_front=form.muxer == "mp4",
        )
    elif form.is_matroska:
        element = read_video_element(info.path, place) if "matroska" in info.format else None
        write_video_element(part, element, info.orientation.stored_aspect, title)
    old = {**read_fields(info.path), "timecode": timecode}
    if info.pictures.has_fields:  # The old file may have counted them as pictures.
        old.pop("picture rate", None)
    lines += compare_fields({name: text for name, text in old.items() if text}, read_fields(part))
    return tuple(lines)


def _tag_picture(picture: VideoStream, info: VideoInfo, form: Form, timecode: str) -> None:
    for name in [name for name in picture.metadata if name.lower() == "timecode"]:
        del picture.metadata[name]
    if timecode:
        picture.metadata["timecode"] = timecode
    reel = reel_name(info.path) if "mov" in info.format.split(",") else ""
    if reel and form.has_boxes:
        picture.metadata["reel_name"] = reel
    if form.is_matroska:
        picture.metadata["title"] = "-" * ROOM


def _chapters(source: av.container.InputContainer, info: VideoInfo) -> list[Any]:
    """Return the chapters, counted from the first picture like everything else."""
    chapters: list[Any] = source.chapters()
    for chapter in chapters:
        late = round(info.start / chapter["time_base"])
        chapter["start"] = max(0, chapter["start"] - late)
        chapter["end"] = max(chapter["start"], chapter["end"] - late)
    return chapters


def _others(source: av.container.InputContainer, video: VideoStream) -> list[tuple[str, int]]:
    counts = count_others(source, video)
    is_kept = {"timecode track"}  # Compared by what it says.
    if "mov" in source.format.name.split(","):
        is_kept.add("cover picture")  # Compared as a part of the metadata.
    return [(name, count) for name, count in counts.items() if name not in is_kept]


def _some(count: int, name: str) -> str:
    return f"1 {name} is" if count == 1 else f"{count} {name}s are"


def _lost_tags(old: Path, new: Path) -> dict[str, str]:
    """Return the tags of a file that a new one has no place for."""
    with open_media(old) as source, open_media(new) as target:
        video = video_stream(source, old).metadata
        known = {name.lower() for name in (*target.metadata, *video_stream(target, new).metadata)}
        known |= OWN_METADATA | _KEPT_ELSEWHERE
        return {
            name: text
            for name, text in {**video, **source.metadata}.items()
            if name.lower() not in known
        }


def _copy(
    target: av.container.OutputContainer,
    picture: VideoStream,
    film: Film,
    sounds: Iterator[av.Packet],
    info: VideoInfo,
    form: Form,
) -> list[str]:
    """Write the packets of picture and sound in the order of their times."""
    pending = next(sounds, None)
    copied, refused, ticks = 0, 0, info.pictures.ticks
    step = constant_step(info) if form.muxer == "avi" else None
    # Matroska says when a film ends, and AVI does not know.
    tells_lengths = info.pictures.is_exact and info.format != "avi" and len(ticks) > 1
    for packet in film.packets:
        now = due(packet)
        while pending is not None and due(pending) <= now:
            target.mux(pending)
            pending = next(sounds, None)
        if not film.edits and (form.has_boxes or not tells_lengths):
            packet.duration = _ticks_on_screen(packet, info)
        if step is not None:
            _round_to(packet, step)
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
    while pending is not None:
        target.mux(pending)
        pending = next(sounds, None)
    return [f"{_some(refused, 'damaged picture')} left out"] if refused else []


def _round_to(packet: av.Packet, step: Fraction) -> None:
    base = packet.time_base
    packet.pts, packet.dts = (
        None if ticks is None else round(ticks * base / step) for ticks in (packet.pts, packet.dts)
    )
    packet.duration, packet.time_base = 1, step


def _ticks_on_screen(packet: av.Packet, info: VideoInfo) -> int:
    """Return how long a picture is shown.

    A demuxer reports the step to the next one that is decoded, which with B-frames is the step of
    another picture; where the longest is not the last, the film would seem to go on after its end.
    """
    ticks = info.pictures.ticks
    if packet.pts is not None:
        time = int(ticks[0]) + packet.pts
        after = int(np.searchsorted(ticks, time, side="right"))
        if after < len(ticks):
            return int(ticks[after]) - time
        left = int(info.duration / info.pictures.time_base) - packet.pts
        if left > 0:
            return left
    return packet.duration or round(1 / info.video_rate / packet.time_base)


def _open_sound(sound: Path) -> soundfile.SoundFile:
    try:
        file = soundfile.SoundFile(native(regular_file(sound)))
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
    wav: soundfile.SoundFile, track: AudioStream, form: Form, info: VideoInfo
) -> Iterator[av.Packet]:
    """Encode the sound in blocks; its first sample gets the time of the first picture."""
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
        frame.pts = place
        for packet in track.encode(frame):
            yield _timed(packet, form)
        place += len(samples)
        left -= len(samples)
    for packet in track.encode(None):
        yield _timed(packet, form)


def _timed(packet: av.Packet, form: Form) -> av.Packet:
    """Round times down to what the container holds.

    WebM counts milliseconds, Opus starts 6.5 ms early, and the muxer adds 7 ms to what it rounds
    to the nearest: with half milliseconds rounded up, all would be 1 ms late.
    """
    if form.muxer == "webm" and packet.pts is not None:
        packet.duration = math.floor((packet.duration or 0) * packet.time_base * 1000)
        packet.pts = packet.dts = math.floor(packet.pts * packet.time_base * 1000)
        packet.time_base = Fraction(1, 1000)
    return packet
