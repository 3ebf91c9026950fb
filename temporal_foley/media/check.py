"""Report what the new video will keep of a film, before any work is done."""

import dataclasses
from collections.abc import Iterator

from temporal_foley.errors import MediaError
from temporal_foley.media.containers.fields import Fields, count_others, read_fields
from temporal_foley.media.containers.film import hiding_edits
from temporal_foley.media.mux import output_suffix, try_mux
from temporal_foley.media.open import open_media
from temporal_foley.media.probe import VideoInfo
from temporal_foley.media.sound_tracks import track_name
from temporal_foley.media.streams import video_stream

_WORTH_NAMING = (
    "pixel shape", "rotation", "interlacing", "360 degrees", "stereo", "Dolby Vision",
    "mastering display", "content light level", "HDR10+", "clean aperture", "colour profile",
    "timecode", "reel", "chapters", "user data of the film", "metadata of the film",
)  # fmt: skip
_NEUTRAL = ("are left and right", "is joined on", "is used", "on both sides")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilmCheck:
    """What is kept, shifted and left out of a film, and why nothing can be made of it."""

    info: VideoInfo
    kept: tuple[str, ...]
    shifted: tuple[str, ...]
    left_out: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """All of it, a line each."""
        parts = (
            ("kept", self.kept),
            ("shifted", self.shifted),
            ("left out", self.left_out),
            ("refused", self.refused),
        )
        return [f"{word}: {text}" for word, texts in parts for text in texts]


def check_film(info: VideoInfo, timecode: str = "") -> FilmCheck:
    """Return what the new video will keep of a film; its first pictures are muxed to see it.

    Args:
        info: The video.
        timecode: The timecode of its first picture, if it is not the camera's.
    """
    suffix = output_suffix(info)
    lost: list[str] = []
    refused = []
    if suffix:
        try:
            lost += try_mux(info, timecode)
        except MediaError as error:
            refused.append(f"the video with the new sound: {error.what}; layers and mix are made")
    else:
        refused.append(
            f"no container takes {info.codec}: layers and mix are made, but no video with them"
        )
    fields = read_fields(info.path)
    neutral = [line for line in info.warnings if line.endswith(_NEUTRAL)]
    return FilmCheck(
        info=info,
        kept=tuple(_kept(info, suffix, fields, lost)),
        shifted=tuple([*_shifted(info, suffix), *neutral]),
        left_out=tuple([*(line for line in info.warnings if line not in neutral), *lost]),
        refused=tuple(refused),
    )


def _kept(info: VideoInfo, suffix: str, fields: Fields, lost: list[str]) -> Iterator[str]:
    rate = f"{float(info.video_rate):.3f}".rstrip("0").rstrip(".")
    count = "1 picture" if info.frame_count == 1 else f"{info.frame_count} pictures"
    size = fields.get("picture size", f"{info.width}x{info.height}")
    yield (
        f"picture {info.codec} {size}, {rate} Hz, {count}, {float(info.duration):.2f} s"
        + (f", in {suffix}" if suffix else "")
    )
    special = [
        f"{name} {fields[name]}" if name in ("pixel shape", "timecode", "reel") else name
        for name in _WORTH_NAMING
        if name in fields and not any(line.startswith(name) for line in lost)
    ]
    if special:
        yield ", ".join(special)
    with open_media(info.path) as container:
        streams = list(container.streams.audio)
        used = {track.index for track in info.sound}
        names = [track_name(streams, stream) for stream in streams if stream.index in used]
        others = count_others(container, video_stream(container, info.path))
    if names:
        yield f"in the mix: {', '.join(names)}"
    elif "mov" not in info.format.split(",") or not others:
        yield "no sound of its own"


def _shifted(info: VideoInfo, suffix: str) -> Iterator[str]:
    if abs(info.start) > 0.001:
        yield f"the picture begins at {float(info.start):.2f} s: in the new video at 0"
    with open_media(info.path) as container:
        if hiding_edits(info, video_stream(container, info.path)):
            yield "what the edit list hides stays hidden"
    if info.pictures.has_fields:
        yield "two fields in one packet each: one picture in one packet"
    if not info.pictures.is_exact:
        yield "the file stores no times of its pictures: they are those of the decoder"
    old = info.path.suffix.lower()
    if suffix and old != suffix and (old, suffix) not in ((".m4v", ".mp4"), (".qt", ".mov")):
        yield f"{old or 'no suffix'} becomes {suffix}: packets of the picture stay as they are"
