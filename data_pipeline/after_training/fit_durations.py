"""Fit how long effects last and pause to hand-timed events, with censoring.

    python -m data_pipeline.after_training.fit_durations unav100_events.tsv.gz > durations.tsv

The input has the columns `video`, `seconds`, `onset`, `offset` and `class`. An event that touches
an end of its video went on outside it: it lasted at least that long. Lengths are log-normal, fitted
by maximum likelihood with right censoring; where few events end, the likelihood has no maximum and
the median is held at `MOST_S`. A pause is exponential: its mean is the time without the event in
videos that contain it, per event that begins after a pause.
"""

import csv
import gzip
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

CLASSES: dict[str, tuple[str, str]] = {
    "train_passing": ("train wheels squealing", ""),
    "water_drop": ("water burbling", "stands in: no class of drips"),
    "river": ("water burbling", ""),
    "stars_shining": ("wind noise", "stands in: an ambience of the night"),
    "lightning": ("thunder", ""),
    "writing": ("typing on computer keyboard", "stands in: work at a desk"),
    "screaming": ("people shouting", "stands in"),
    "high_heels": ("people running", "stands in: steps"),
    "wave": ("sea waves", ""),
    "typing": ("typing on computer keyboard", ""),
    "ambulance": ("ambulance siren", ""),
    "dog_barking": ("dog barking", ""),
    "cars": ("car passing by", ""),
    "door_opening": ("people slapping", "stands in: short strikes"),
    "glass_breaking": ("striking bowling", "stands in: a crash"),
    "cat_meowing": ("cat meowing", ""),
    "cheer": ("people cheering", ""),
    "fire": ("raining", "stands in: steady crackle"),
    "helicopter": ("helicopter", ""),
    "blender": ("vacuum cleaner cleaning floors", "stands in: a household motor"),
}
"""The class of UnAV-100 for each effect, and what to say if it is only the nearest one."""
EDGE_S = 0.5
"""An event this near to an end of its video touches it."""
LEAST_S, MOST_S = 0.2, 120.0
LEAST_SPREAD, MOST_SPREAD = 0.3, 2.0


class TimedEvent(NamedTuple):
    """An event of a video, in seconds."""

    video: str
    seconds: float
    onset: float
    offset: float


class Fitted(NamedTuple):
    """A fit; `censored` is the part of the events that touch an end of their video."""

    lasts_s: float
    spread: float
    gap_s: float
    events: int
    censored: float


def fit_duration_priors(
    lengths_s: Float[np.ndarray, " events"], is_censored: Bool[np.ndarray, " events"]
) -> tuple[float, float]:
    """Return median and spread of log-normal lengths.

    Args:
        lengths_s: Seconds of each event, above 0.
        is_censored: Whether an event lasted at least that long.
    """
    from scipy import optimize, special

    if not len(lengths_s) or (lengths_s <= 0).any() or len(lengths_s) != len(is_censored):
        raise ValueError("lengths_s must be above 0, with one mark of censoring each")
    logs = np.log(lengths_s)

    def cost(params: np.ndarray) -> float:
        centre, spread = params
        scaled = (logs - centre) / spread
        ended = -0.5 * scaled**2 - math.log(spread)
        return -float(np.where(is_censored, special.log_ndtr(-scaled), ended).sum())

    best = optimize.minimize(
        cost,
        [float(np.median(logs)), 1.0],
        bounds=[(math.log(LEAST_S), math.log(MOST_S)), (LEAST_SPREAD, MOST_SPREAD)],
        method="L-BFGS-B",
    )
    return math.exp(float(best.x[0])), float(best.x[1])


def fit_class(events: Sequence[TimedEvent]) -> Fitted:
    """Fit the events of one class."""
    lengths = np.array([max(event.offset - event.onset, 0.05) for event in events])
    touches = np.array([e.onset <= EDGE_S or e.offset >= e.seconds - EDGE_S for e in events], bool)
    lasts_s, spread = fit_duration_priors(lengths, touches)
    by_video: dict[str, list[TimedEvent]] = defaultdict(list)
    for event in events:
        by_video[event.video].append(event)
    off_s, starts = 0.0, 0
    for own in by_video.values():
        at = 0.0
        for event in sorted(own, key=lambda event: event.onset):
            if event.onset > at + EDGE_S:
                off_s += event.onset - at
                starts += 1
            at = max(at, event.offset)
        off_s += max(own[0].seconds - at, 0.0)
    gap_s = off_s / starts if starts else MOST_S
    return Fitted(lasts_s, spread, gap_s, len(events), float(touches.mean()))


def read_labelled_events(path: Path) -> dict[str, list[TimedEvent]]:
    """Read timed events by class from a table, compressed or not."""
    blob = path.read_bytes()
    text = (gzip.decompress(blob) if path.suffix == ".gz" else blob).decode("utf-8")
    by_class: dict[str, list[TimedEvent]] = defaultdict(list)
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        times = (float(row[name]) for name in ("seconds", "onset", "offset"))
        by_class[row["class"]].append(TimedEvent(row["video"], *times))
    return by_class


def table_lines(by_class: dict[str, list[TimedEvent]]) -> Iterable[str]:
    """Yield the lines of `durations.tsv`."""
    yield "# Fitted by data_pipeline.after_training.fit_durations to UnAV-100 (Geng et al., CVPR"
    yield "# 2023; annotations MIT). A median of 120 s: most events end only with their video."
    yield "effect\tlasts_s\tspread\tgap_s\tevents\tcensored\tsource"
    for effect, (name, why) in CLASSES.items():
        fit = fit_class(by_class[name])
        source = f"{name} ({why})" if why else name
        yield "\t".join(
            [
                effect,
                f"{fit.lasts_s:.1f}",
                f"{fit.spread:.2f}",
                f"{fit.gap_s:.1f}",
                str(fit.events),
                f"{fit.censored:.2f}",
                source,
            ]
        )


def main(words: Sequence[str]) -> None:
    """Print the table fitted to the file that is named."""
    if len(words) != 1:
        raise SystemExit(
            "usage: python -m data_pipeline.after_training.fit_durations EVENTS.tsv.gz"
        )
    for line in table_lines(read_labelled_events(Path(words[0]))):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
