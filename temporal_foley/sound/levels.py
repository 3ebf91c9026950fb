"""Define the constants of casting and mixing that a sound designer may change.

A library folder may hold a `levels.toml` with any of these fields; the others keep their defaults.
"""

import dataclasses
import tomllib
from pathlib import Path

from temporal_foley.errors import LibraryError
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.files.records import RecordError, read_record

LEVELS_NAME = "levels.toml"
BUSES = ("hard_effects", "foley", "backgrounds")
"""From the most important to the least."""
_LARGEST_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixLevels:
    """Levels in decibels, and related constants, of casting, placing and mixing."""

    hard_effects_db: float = 0.0
    foley_db: float = -6.0
    backgrounds_db: float = -4.0
    hit_spread_db: float = 3.0
    """Repeated hits vary in level by up to this much in either direction."""
    doubtful_db: float = 3.0
    """Cues are lowered by up to this much as their probability falls: false cues do less harm."""
    large_source_db: float = 2.0
    small_source_db: float = -8.0
    off_screen_db: float = -4.0
    off_screen_hz: float = 7000.0
    """Low-pass filter of an effect whose source is not in the picture."""
    widest_pan: float = 0.7
    """At 0.7 a mono take loses at most 0.7 dB in mono compared with the centre."""
    most_voices: int = 5
    """More effects at once than this are lowered (W. Murch, "Dense Clarity - Clear Density",
    Transom Review 5, 2005)."""
    crowded_db: float = -9.0
    """For an effect beyond the most voices of its bus or of all buses."""
    yielding_db: float = -6.0
    """For an effect that would cover a more important one."""
    lowest_db: float = -12.0
    """The most that crowding and yielding lower an effect together."""
    room_tone_dbfs: float = -58.0
    indoor_hard_effects_db: float = -14.0
    """Reverberation relative to the dry sound, by space and bus; backgrounds get none."""
    indoor_foley_db: float = -11.0
    outdoor_hard_effects_db: float = -20.0
    outdoor_foley_db: float = -26.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if name.endswith(("_db", "_dbfs")) and not -120.0 <= value <= 24.0:
                raise RecordError(name, f"must be in [-120, 24], got {value}")
        if not 0.0 <= self.widest_pan <= 1.0:
            raise RecordError("widest_pan", f"must be in [0, 1], got {self.widest_pan}")
        if not 100.0 <= self.off_screen_hz <= 20_000.0:
            raise RecordError("off_screen_hz", f"must be in [100, 20000], got {self.off_screen_hz}")
        if self.most_voices < 1:
            raise RecordError("most_voices", f"must be at least 1, got {self.most_voices}")

    def bus_db(self, bus: str) -> float:
        """Return the level of a bus."""
        return float(getattr(self, f"{bus}_db"))


DEFAULT_LEVELS = MixLevels()


def read_levels(path: Path) -> MixLevels:
    """Read a `levels.toml`.

    Raises:
        LibraryError: It cannot be read, or a value is wrong; the text names the field.
    """
    try:
        document = tomllib.loads(read_whole(path, _LARGEST_BYTES).decode("utf-8"))
        return read_record(MixLevels, document)
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(f"cannot be read ({file_cause(error)})", path=path) from None
    except (tomllib.TOMLDecodeError, RecordError) as error:
        raise LibraryError(f"{error}", path=path) from None
