"""Compare what two files say of the same film, field by field: nothing gets lost unnoticed.

The fields are those of the container, of the stream of the picture and of its first picture once
decoded, so that a field counts as kept only if a player can read it from the new file.
"""

import hashlib
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av.container
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from temporal_foley.media.containers.boxes import Box, entry_boxes, read_moov, read_top, track_of
from temporal_foley.media.containers.matroska import read_codec_additions
from temporal_foley.media.containers.timecode import reel_name
from temporal_foley.media.open import DAMAGE, open_media
from temporal_foley.media.streams import video_stream

# Written by the muxer itself, or true of the old file only.
OWN_METADATA = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration",
    "number_of_frames", "number_of_bytes", "bps", "_statistics_writing_app",
    "_statistics_writing_date_utc", "_statistics_tags", "vendor_id", "software",
}  # fmt: skip
TERMINOLOGICAL = {
    "alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces",
    "dut": "nld", "fre": "fra", "geo": "kat", "ger": "deu", "gre": "ell", "ice": "isl",
    "mac": "mkd", "mao": "mri", "may": "msa", "per": "fas", "rum": "ron", "slo": "slk",
    "tib": "bod", "wel": "cym",
}  # fmt: skip
"""Languages with two codes in ISO 639-2: the bibliographic one, and the one that mov knows."""
_FIRST_PACKETS = 300
_PACKED = {"dvcC", "dvvC", "dvwC"}
_NAMES = {
    "clap": "clean aperture", "tapt": "track apertures", "gama": "gamma", "hvcE": "Dolby Vision's "
    "second layer", "st3d": "stereo", "sv3d": "360 degrees", "vexu": "spatial video",
    "mdcv": "mastering display", "clli": "content light level",
}  # fmt: skip
_SIDE_DATA = {
    "SPHERICAL": "360 degrees",
    "STEREO3D": "stereo",
    "MASTERING_DISPLAY_METADATA": "mastering display",
    "CONTENT_LIGHT_LEVEL": "content light level",
    "DISPLAYMATRIX": "rotation",
    "ICC_PROFILE": "colour profile",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DOVI_RPU_BUFFER": "Dolby Vision's instructions",
    "DOVI_METADATA": "Dolby Vision's metadata",
    "AMBIENT_VIEWING_ENVIRONMENT": "ambient viewing environment",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "S12M_TIMECODE": "timecode in the stream",
    "GOP_TIMECODE": "timecode in the stream",
    "A53_CC": "captions in the stream",
    "AFD": "active format",
    "PANSCAN": "pan and scan",
}
HIGHEST_RATE = Fraction(1000)
"""Above it a stated picture rate is a mistake, such as the ticks of a clock."""
Fields = Mapping[str, str]


def read_fields(path: Path) -> Fields:
    """Return what a file says of its film, by the name of each field."""
    with open_media(path) as container:
        video = video_stream(container, path)
        found = _container_fields(container, video)
        found |= _stream_fields(video)
        first = _first_picture(container, video)
        if first is not None:
            found |= _picture_fields(first)
        if "mov" in container.format.name.split(","):
            found |= _box_fields(path, video)
        if "matroska" in container.format.name:
            number = list(container.streams.video).index(video)
            found["Dolby Vision"] = "".join(d.hex() for d in read_codec_additions(path, number))
    return {name: text for name, text in found.items() if text}


def compare_fields(old: Fields, new: Fields) -> list[str]:
    """Return a line for each field that is not the same in the new file."""
    lines = []
    is_same_family = old.get("container") == new.get("container")
    for name, text in old.items():
        if name == "container" or (name in _FAMILY and not is_same_family):
            continue
        other = new.get(name, "")
        if name.startswith("picture ") and not other:  # It may now be a tag of the whole film.
            other = new.get(f"tag {name.removeprefix('picture ')}", "")
        if _is_same(name, text, other):
            continue
        was = "" if re.fullmatch(r"[0-9a-f]{16,}", text) else f" ({_short(text)})"
        if not other:
            lines.append(f"{name}{was} could not be kept")
        elif was:
            lines.append(f"{name} was {_short(text)} and is {_short(other)}")
        else:
            lines.append(f"{name} could not be kept as it was")
    return lines


_FAMILY = {"codec tag", "handler"}
"""Fields that mean something within one family of containers only."""


def _is_same(name: str, old: str, new: str) -> bool:
    if old == new:
        return True
    if name == "picture rate" and new:
        return abs(Fraction(old) - Fraction(new)) <= Fraction(old) / 200
    if name.startswith(("tag ", "picture ")) and new:
        return old.strip() == new.strip() or _is_same_moment(old, new)
    return False


def _is_same_moment(old: str, new: str) -> bool:
    """Return whether two texts are one date, in whatever precision."""
    digits = [re.sub(r"\D", "", text)[:14] for text in (old, new)]
    return len(digits[0]) >= 8 and digits[0][:14] == digits[1][:14]


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _container_fields(container: av.container.InputContainer, video: VideoStream) -> dict[str, str]:
    found = {"container": _family(container.format.name)}
    for name, text in container.metadata.items():
        if name.lower() not in OWN_METADATA and name.lower() != "timecode":
            found[f"tag {name.lower()}"] = text
    for name, text in video.metadata.items():
        key = name.lower()
        if key in OWN_METADATA or key in ("timecode", "handler_name", "reel_name"):
            continue
        if key == "language":
            found["picture language"] = "" if text == "und" else TERMINOLOGICAL.get(text, text)
        else:
            found[f"picture {key}"] = text
    chapters = container.chapters()
    if chapters:
        found["chapters"] = "; ".join(_chapter(chapter) for chapter in chapters)
    codes = [video.metadata, container.metadata, *(s.metadata for s in container.streams.data)]
    found["timecode"] = next((text for tags in codes if (text := _tag(tags, "timecode"))), "")
    found["reel"] = _tag(video.metadata, "reel_name") or _reel(container)
    return found


def _chapter(chapter: Mapping[str, object]) -> str:
    metadata = chapter.get("metadata")
    return str(metadata.get("title", "")) if isinstance(metadata, Mapping) else ""


def _reel(container: av.container.InputContainer) -> str:
    tags = [_tag(stream.metadata, "reel_name") for stream in container.streams.data]
    return next((text for text in tags if text), "") or reel_name(Path(container.name))


def _tag(tags: Mapping[str, str], wanted: str) -> str:
    return next((text for name, text in tags.items() if name.lower() == wanted), "")


def _family(name: str) -> str:
    return "mov" if "mov" in name.split(",") or name == "mp4" else name.split(",")[0]


def _stream_fields(video: VideoStream) -> dict[str, str]:
    context = video.codec_context
    aspect = video.sample_aspect_ratio
    rate = video.average_rate
    return {
        "codec": context.codec.canonical_name,
        "codec tag": _plain_tag(context.codec_tag),
        "codec profile": video.profile or "",
        "picture size": f"{context.width}x{context.height}",
        "pixel format": context.pix_fmt or "",
        "pixel shape": str(aspect) if aspect and aspect != 1 else "",
        "picture rate": str(rate) if rate and rate <= HIGHEST_RATE else "",
        "disposition": _disposition(video),
    }


def _disposition(video: Stream) -> str:
    # Of a single picture it means nothing whether it is the default.
    flags = [flag.name or "" for flag in type(video.disposition) if flag in video.disposition]
    return ", ".join(flag for flag in flags if flag != "default")


def _plain_tag(tag: str) -> str:
    return tag if re.fullmatch(r"[ -~]{4}", tag or "") else ""


def _first_picture(container: av.container.InputContainer, video: VideoStream) -> VideoFrame | None:
    count = 0
    try:
        for packet in container.demux(video):
            count += 1
            try:
                frames = video.decode(packet)
            except DAMAGE:
                frames = []
            if frames:
                return frames[0]
            if count > _FIRST_PACKETS:
                return None
    except DAMAGE:
        return None
    return None


def _picture_fields(frame: VideoFrame) -> dict[str, str]:
    found = {
        "colour range": _set(frame.color_range, 0),
        "colour primaries": _set(frame.color_primaries, 2),
        "colour transfer": _set(frame.color_trc, 2),
        "colour matrix": _set(frame.colorspace, 2),
        "interlacing": "interlaced" if frame.interlaced_frame else "",
    }
    for name, words in _SIDE_DATA.items():
        data = frame.side_data.get(name)
        if data is not None:
            found[words] = hashlib.sha256(bytes(data)).hexdigest()
    return found


def _set(value: int, unset: int) -> str:
    return "" if int(value) in (0, unset) else str(int(value))


def _box_fields(path: Path, video: VideoStream) -> dict[str, str]:
    """Return what only the boxes of mp4 and mov say."""
    moov = read_moov(path)
    trak = None if moov is None else track_of(moov, video.id)
    if moov is None or trak is None:
        return {}
    found = {}
    entry = {kind.decode("latin-1"): body for kind, body in entry_boxes(trak).items()}
    for kind, body in entry.items():
        if kind in _PACKED:
            found["Dolby Vision"] = body.ljust(24, b"\0")[:24].hex()
        elif kind in ("clap", "gama", "hvcE", "vexu"):
            found[_NAMES[kind]] = hashlib.sha256(body).hexdigest()
    for box in trak.boxes or []:
        if box.kind in (b"tapt", b"udta", b"meta", b"uuid"):
            found[_box_name("track", box)] = hashlib.sha256(box.to_bytes()).hexdigest()
    for box in moov.boxes or []:
        if box.kind in (b"udta", b"meta", b"uuid"):
            found[_box_name("film", box)] = hashlib.sha256(_lasting(box)).hexdigest()
    extra = read_top(path, (b"uuid", b"meta"))
    if extra:
        found["data beside the film's header"] = hashlib.sha256(extra).hexdigest()
    return found


def _box_name(where: str, box: Box) -> str:
    names = {b"udta": "user data", b"meta": "metadata", b"uuid": "data of a maker"}
    return _NAMES.get(box.kind.decode("latin-1")) or f"{names[box.kind]} of the {where}"


def _lasting(box: Box) -> bytes:
    """Return what a box says without the chapters, which are written anew."""
    from temporal_foley.media.containers.boxes import split

    if box.kind != b"udta":
        return box.body
    return b"".join(kind + body for kind, body in split(box.body) if kind != b"chpl")


def count_others(container: av.container.InputContainer, video: VideoStream) -> dict[str, int]:
    """Return how many other streams a file has, by what they are."""
    counts: dict[str, int] = {}
    for stream in container.streams:
        if stream.index != video.index and stream.type != "audio":
            name = _other(stream)
            counts[name] = counts.get(name, 0) + 1
    return counts


def _other(stream: Stream) -> str:
    if stream.type == "video":
        still = "attached_pic" in _disposition(stream)
        return "cover picture" if still else "second picture track"
    if stream.type == "data" and stream.metadata.get("timecode"):
        return "timecode track"
    return {"subtitle": "subtitle track", "attachment": "attachment"}.get(stream.type, "data track")
