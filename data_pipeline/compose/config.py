"""Configure the distributions that composed clips are drawn from; read them from TOML.

A pair is the lowest and highest of a uniform draw; a name that ends in `_part` is a probability.
"""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from temporal_foley.errors import UsageError
from temporal_foley.files.records import RecordError, read_record

Range = tuple[float, float]

LAYOUTS = ("full", "split", "inset", "cut_out", "reveal")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShotConfig:
    """What clips show."""

    length_s: Range = (1.5, 5.0)
    nothing_part: float = 0.3
    """Shots of hard negatives only."""
    layouts: tuple[float, ...] = (0.45, 0.15, 0.12, 0.16, 0.12)
    """Relative frequency of each of `LAYOUTS`."""
    stay_part: float = 0.2
    """Shots that repeat the effect (or nothing) of the shot before."""
    video_part: float = 0.4
    """Shots of labelled videos, if there are any."""
    outline_part: float = 0.6
    """Cut-outs along their outline instead of as a rounded piece."""
    both_effects_part: float = 0.5
    """Layouts of two pictures that both show an effect."""
    zoom: Range = (1.0, 1.35)
    still_camera_part: float = 0.15
    shake_part: float = 0.35
    shake: float = 0.02
    """Of the picture's width."""
    visible_part: float = 0.5
    """A picture that enters or leaves is visible from this part of it on."""
    rarity_power: float = 0.5
    """Effects are drawn by their number of files to this power: 0 all alike, 1 in proportion."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LookConfig:
    """The look that all pictures of a clip are converted to, whatever their class.

    A look is drawn first, then pictures that can be converted to it: a picture is never enlarged,
    and a grey one is used only where all are grey. So neither reveals a class.
    """

    detail_px: Range = (64.0, 200.0)
    """Short side of a picture before it is enlarged to the clip's."""
    grey_part: float = 0.2
    jpeg_quality: Range = (40.0, 90.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoundConfig:
    """What clips sound like."""

    silent_part: float = 0.15
    """Visible effects without sound."""
    off_screen_part: float = 0.35
    """Clips with an audible effect that is not visible."""
    off_screen_s: Range = (1.0, 5.0)
    distractor_part: float = 0.35
    """Clips with a sound that is not an effect."""
    level_db: Range = (-34.0, -16.0)
    """RMS of an effect, below full scale."""
    fade_s: Range = (0.01, 0.15)
    reverb_part: float = 0.4
    reverb_s: Range = (0.15, 1.2)
    reverb_mix: Range = (0.05, 0.35)
    noise_part: float = 0.75
    noise_below_db: Range = (6.0, 40.0)
    """Below the quietest effect."""
    speech_part: float = 0.3
    speech_below_db: Range = (-6.0, 12.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComposeConfig:
    """The distributions of composed clips."""

    clips: int = 200
    first_clip: int = 0
    """Number of the first clip of each split: another one gives other clips of the same splits."""
    duration_s: Range = (8.0, 12.0)
    frame_rate_hz: float = 4.0
    short_side_px: int = 232
    aspects: tuple[float, ...] = (16 / 9, 4 / 3, 1.0, 9 / 16)
    aspect_weights: tuple[float, ...] = (0.55, 0.2, 0.1, 0.15)
    no_sound_part: float = 0.08
    no_picture_part: float = 0.04
    shots: ShotConfig = ShotConfig()
    look: LookConfig = LookConfig()
    sound: SoundConfig = SoundConfig()

    def __post_init__(self) -> None:
        for where, part in (("", self), ("shots.", self.shots), ("look.", self.look)):
            _check(where, part)
        _check("sound.", self.sound)
        if self.clips < 1 or self.first_clip < 0:
            raise ValueError(
                "clips must be at least 1 and first_clip at least 0, "
                f"got {self.clips} and {self.first_clip}"
            )
        if not 0.1 <= self.frame_rate_hz <= 60.0:
            raise ValueError(f"frame_rate_hz must be in [0.1, 60], got {self.frame_rate_hz}")
        if not 16 <= self.short_side_px <= 1080:
            raise ValueError(f"short_side_px must be in [16, 1080], got {self.short_side_px}")
        if len(self.aspects) != len(self.aspect_weights) or min(self.aspects) <= 0:
            raise ValueError("aspects must be above 0, with one of aspect_weights each")
        if len(self.shots.layouts) != len(LAYOUTS):
            raise ValueError(f"shots.layouts must hold a weight each of {', '.join(LAYOUTS)}")


def read_compose_config(path: Path) -> ComposeConfig:
    """Read a config from TOML; missing fields keep their defaults.

    Raises:
        UsageError: The file cannot be read, or a field is unknown or out of range.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot be read as TOML ({error})", path=path) from None
    try:
        return read_record(ComposeConfig, document)
    except RecordError as error:
        raise UsageError(f"{error}", path=path) from None


def _check(where: str, part: Any) -> None:
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if field.name.endswith("_part") and not 0.0 <= value <= 1.0:
            raise ValueError(f"{where}{field.name} must be in [0, 1], got {value}")
        if field.type in (Range, "Range") and (len(value) != 2 or not value[0] <= value[1]):
            raise ValueError(f"{where}{field.name} must be a pair, lowest first, got {value}")
        weights = ("layouts", "aspect_weights")
        if field.name in weights and (min(value) < 0 or sum(value) <= 0):
            raise ValueError(f"{where}{field.name} must be weights of at least 0, got {value}")
    for name in ("length_s", "duration_s", "off_screen_s", "zoom", "detail_px", "reverb_s"):
        if hasattr(part, name) and getattr(part, name)[0] <= 0:
            raise ValueError(f"{where}{name} must be above 0, got {getattr(part, name)}")
