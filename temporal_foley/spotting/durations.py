"""Give how long effects last and how often they return, fitted to hand-timed events.

The table `durations.tsv` is fitted by `python -m data_pipeline.after_training.fit_durations` on the
events of UnAV-100 (T. Geng et al., "Dense-Localizing Audio-Visual Events in Untrimmed Videos",
CVPR 2023; annotations under MIT). Where UnAV-100 lacks an effect, the nearest class is used, and
the table says so.
"""

import dataclasses
import functools
from importlib import resources

from temporal_foley.effects import Effect


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duration:
    """How long one effect lasts and pauses."""

    lasts_s: float
    """Median of how long it lasts."""
    spread: float
    """Standard deviation of the logarithm of how long it lasts."""
    gap_s: float
    """Mean pause inside a video that contains it."""
    source: str
    """The class it was fitted to, and whether that is only the nearest one."""


_BY_KIND = {
    "one_shot": Duration(lasts_s=2.0, spread=1.2, gap_s=6.0, source="usual for single sounds"),
    "repeated": Duration(lasts_s=6.0, spread=1.5, gap_s=7.0, source="usual for repeated sounds"),
    "loop": Duration(lasts_s=20.0, spread=1.5, gap_s=8.0, source="usual for sustained sounds"),
    "ambience": Duration(lasts_s=60.0, spread=1.8, gap_s=8.0, source="usual for ambiences"),
}


def usual_duration(effect: Effect) -> Duration:
    """Return the fitted duration of an effect; of an effect outside the table, that of its kind."""
    return _table().get(effect.name, _BY_KIND[effect.kind])


@functools.cache
def _table() -> dict[str, Duration]:
    file = resources.files("temporal_foley.spotting") / "durations.tsv"
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    names = lines[0].split("\t")
    table = {}
    for line in lines[1:]:
        row = dict(zip(names, line.split("\t"), strict=True))
        table[row["effect"]] = Duration(
            lasts_s=float(row["lasts_s"]),
            spread=float(row["spread"]),
            gap_s=float(row["gap_s"]),
            source=row["source"],
        )
    return table
