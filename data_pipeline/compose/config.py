"""How composed clips are distributed: a TOML file in, one frozen config out.

A pair is the lowest and highest of a uniform draw; a name that ends in `_part` is a probability.
"""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from temporal_foley.errors import UsageError

Range = tuple[float, float]

LAYOUTS = ("full", "split", "inset", "cut_out", "reveal")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShotConfig:
    """What is to be seen."""

    length_s: Range = (1.5, 5.0)
    nothing_part: float = 0.3
    """Shots of hard negatives alone."""
    layouts: tuple[float, ...] = (0.45, 0.15, 0.12, 0.16, 0.12)
    """How often each of `LAYOUTS` is drawn, relative to the others."""
    stay_part: float = 0.2
    """How often a shot shows the effect of the shot before it again, or again nothing."""
    video_part: float = 0.4
    """Shots of labelled videos, where there are any."""
    outline_part: float = 0.6
    """How often something that is cut out is cut along its outline, not as a rounded piece."""
    both_effects_part: float = 0.5
    """In a layout of two pictures: how often both show an effect."""
    zoom: Range = (1.0, 1.35)
    still_camera_part: float = 0.15
    shake_part: float = 0.35
    shake: float = 0.02
    """Of the picture's width."""
    visible_part: float = 0.5
    """From which part of it on a picture that enters or leaves counts as seen."""
    rarity_power: float = 0.5
    """Effects are drawn by the number of their files to this power: 0 all alike, 1 as they come."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LookConfig:
    """What all pictures of a clip are brought to, whatever their class.

    A look is drawn first, then pictures that can be brought to it: a picture is never enlarged, and
    a grey one is taken only where all are grey. So neither tells a class.
    """

    detail_px: Range = (64.0, 200.0)
    """Short side of a picture before it is enlarged to the clip's."""
    grey_part: float = 0.2
    jpeg_quality: Range = (40.0, 90.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoundConfig:
    """What is to be heard."""

    silent_part: float = 0.15
    """Effects that are seen and make no sound."""
    off_screen_part: float = 0.35
    """Clips with an effect that is heard and not seen."""
    off_screen_s: Range = (1.0, 5.0)
    distractor_part: float = 0.35
    """Clips with a sound that is none of the effects."""
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
    """All of a composed clip."""

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
    """Read a config from TOML; what is not named keeps its default.

    Raises:
        UsageError: The file cannot be read, or a field is unknown or out of range.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as TOML ({error})") from None
    try:
        return _read(ComposeConfig, document, "")
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None


def _read(kind: Any, document: dict[str, Any], where: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for name, value in document.items():
        if name not in fields:
            known = ", ".join(fields)
            raise ValueError(f"{where}{name} is not a known field; there are: {known}")
        default = fields[name].default
        if dataclasses.is_dataclass(default):
            values[name] = _read(type(default), value, f"{where}{name}.")
        elif isinstance(default, tuple):
            if not isinstance(value, list) or not all(_is_number(item) for item in value):
                raise ValueError(f"{where}{name} must be a list of numbers, got {value!r}")
            values[name] = tuple(float(item) for item in value)
        elif not _is_number(value):
            raise ValueError(f"{where}{name} must be a number, got {value!r}")
        else:
            values[name] = type(default)(value)
    return kind(**values)


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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
