"""Lay out the numbers of `metrics.json` as rows of tables. Undefined numbers become dashes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Numbers = Mapping[str, Any]


class ReportRow(NamedTuple):
    """A number that is compared between models."""

    title: str
    path: tuple[str, ...]
    decimals: int = 3
    is_higher_better: bool | None = True
    is_detail: bool = False
    """Of the row above."""


class Cell(NamedTuple):
    """The text of a cell, and whether it is the best of its row."""

    text: str
    is_best: bool = False


class Table(NamedTuple):
    """Cells below their head; columns in `texts` are text, the others numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    texts: Sequence[int] = (0,)


_ANY = ("any_effect", "one_minus_product", "roc_auc")
ROWS = (
    ReportRow("ROC-AUC by frame, macro", ("frames", "macro", "roc_auc")),
    ReportRow("95 % interval, by source", ("frames", "macro", "roc_auc_interval"), 3, None, True),
    ReportRow("number of defined effects", ("frames", "macro", "defined_effects"), 0, None, True),
    ReportRow("ROC-AUC by frame, micro", ("frames", "micro", "roc_auc")),
    ReportRow("ROC-AUC by clip, macro", ("clips", "macro", "roc_auc")),
    ReportRow("Any effect by frame, 1 − Π(1 − p)", ("frames", *_ANY)),
    ReportRow("Any effect by frame, max p", ("frames", "any_effect", "max", "roc_auc")),
    ReportRow("Any effect by clip, 1 − Π(1 − p)", ("clips", *_ANY)),
    ReportRow("Average precision by frame, macro", ("frames", "macro", "average_precision")),
    ReportRow("Log-loss by frame, micro", ("frames", "micro", "log_loss"), 4, False),
    ReportRow(
        "Calibration error by frame, micro", ("frames", "micro", "calibration_error"), 4, False
    ),
    ReportRow("Onset F1 ± 100 ms, macro", ("events", "onset_100ms", "macro", "f1")),
    ReportRow("Onset F1 ± 250 ms, macro", ("events", "onset_250ms", "macro", "f1")),
    ReportRow("Event F1, macro", ("events", "event", "macro", "f1")),
    ReportRow("Segment F1 (1 s), macro", ("events", "segment", "macro", "f1")),
    ReportRow("PSDS 1", ("events", "psds1")),
    ReportRow("PSDS 2", ("events", "psds2")),
    ReportRow("Clips with an effect that get a correct cue", ("events", "heard", "share")),
    ReportRow("False cues per minute of silence", ("events", "false_cues", "per_minute"), 2, False),
    ReportRow("Flips per minute", ("events", "flips_per_minute", "estimated"), 2, None),
    ReportRow("in the reference", ("events", "flips_per_minute", "reference"), 2, None, True),
)


def number(value: Any, decimals: int = 3) -> str:
    """Format a number; None is a dash, a pair is an interval."""
    if isinstance(value, list):
        return "–" if value[0] is None else " to ".join(number(v, decimals) for v in value)
    if value is None:
        return "–"
    return f"{value:.{decimals}f}" if decimals else f"{value:,.0f}"


def lookup(numbers: Any, path: Sequence[str]) -> Any:
    """Follow a path into plain numbers."""
    for key in path:
        numbers = numbers[key]
    return numbers


def comparison(models: Mapping[str, Numbers]) -> Table:
    """Compare models side by side, the best of each row marked."""
    rows = []
    for row in ROWS:
        values = [lookup(results["all"], row.path) for results in models.values()]
        title = f"\u2003{row.title}" if row.is_detail else row.title
        rows.append([title, *_cells(values, row.decimals, row.is_higher_better)])
    return Table(["", *models], rows)


def effects_table(models: Mapping[str, Numbers], effects: Sequence[str]) -> Table:
    """List the effects: how many examples each has, and how well each is detected."""
    first = next(iter(models.values()))
    overall = first["all"]
    head = ["effect", "clips with it", "sources", "frames with it", "without"]
    head += [f"ROC-AUC {name}" for name in models]
    head += ["95 % interval", "average precision", "log-loss", "calibration error"]
    head += ["onset F1 ± 250 ms", "event F1", "threshold"]
    thresholds = {entry["effect"]: entry["threshold_on"] for entry in first["decision"]["effects"]}
    rows = []
    for name in effects:
        own = overall["frames"]["effects"][name]
        areas = [part["all"]["frames"]["effects"][name]["roc_auc"] for part in models.values()]
        events = overall["events"]
        rows.append(
            [
                name,
                number(overall["material"]["clips_with_effect"][name], 0),
                *(number(own[key], 0) for key in ("positive_sources", "positives", "negatives")),
                *_cells(areas, 3, True),
                number(own["roc_auc_interval"], 2),
                *(number(own[k]) for k in ("average_precision", "log_loss", "calibration_error")),
                number(events["onset_250ms"]["effects"][name]["f1"], 2),
                number(events["event"]["effects"][name]["f1"], 2),
                number(thresholds[name], 2),
            ]
        )
    return Table(head, rows)


def datasets_table(results: Numbers) -> Table:
    """List the datasets."""
    columns: dict[str, Callable[[Numbers], str]] = {
        "clips": lambda r: number(r["material"]["clips"], 0),
        "stills": lambda r: number(r["material"]["stills"], 0),
        "minutes": lambda r: number(r["material"]["minutes"], 1),
        "sources": lambda r: number(r["material"]["sources"], 0),
        "macro ROC-AUC": lambda r: number(r["frames"]["macro"]["roc_auc"]),
        "of effects": lambda r: number(r["frames"]["macro"]["defined_effects"], 0),
        "any effect": lambda r: number(lookup(r["frames"], _ANY)),
        "log-loss": lambda r: number(r["frames"]["micro"]["log_loss"], 4),
        "event F1": lambda r: number(r["events"]["event"]["macro"]["f1"]),
        "PSDS 1": lambda r: number(r["events"]["psds1"]),
        "correct cue": lambda r: number(r["events"]["heard"]["share"]),
        "false cues/min": lambda r: number(r["events"]["false_cues"]["per_minute"], 2),
    }
    rows = [
        [name, *(write(part) for write in columns.values())]
        for name, part in results["datasets"].items()
    ]
    return Table(["dataset", *columns], rows)


def sources_table(results: Numbers, most: int = 200) -> Table:
    """List the sources, those with the highest log-loss first."""
    head = ["source", "dataset", "clips", "seconds", "true effects", "detected effects"]
    head += ["log-loss", "recall by frame", "false alarm rate"]
    rows = [
        [
            row["source"] if len(row["source"]) <= 60 else f"{row['source'][:59]}…",
            row["dataset"],
            number(row["clips"], 0),
            number(row["seconds"], 1),
            ", ".join(row["effects"]) or "none",
            ", ".join(row["cued"]) or "none",
            number(row["log_loss"]),
            number(row["recall"], 2),
            number(row["false_alarm_rate"]),
        ]
        for row in results["sources"][:most]
    ]
    return Table(head, rows, texts=(0, 1, 4, 5))


def conflicts_table(conflicts: Numbers) -> Table:
    """List the effects on which image and sound disagree, the widest difference first."""

    def sent(shares: Mapping[str, float]) -> str:
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items()) or "–"

    rows = [
        [
            row["effect"],
            number(row["picture_recall"], 2),
            number(row["sound_recall"], 2),
            f"{row['difference']:+.2f}",
            sent(row["picture_sends"]),
            sent(row["sound_sends"]),
        ]
        for row in conflicts["ranking"]
    ]
    head = ["effect", "recall by image", "by sound", "sound − image"]
    head += ["image takes it for", "sound takes it for"]
    return Table(head, rows, texts=(0, 4, 5))


def decision_table(results: Numbers) -> Table:
    """List the calibration and thresholds of each effect."""
    fields = {"slope": 2, "bias": 2, "threshold_on": 3, "threshold_off": 3}
    fields |= {"lasts_s": 1, "spread": 2, "gap_s": 1}
    rows = [
        [entry["effect"], *(number(entry[f], places) for f, places in fields.items())]
        for entry in results["decision"]["effects"]
    ]
    return Table(["effect", *(field.replace("_", " ") for field in fields)], rows)


def _cells(values: Sequence[Any], decimals: int, is_higher_better: bool | None) -> list[Cell]:
    defined = [value for value in values if isinstance(value, int | float)]
    best = None
    if is_higher_better is not None and len(values) > 1 and defined:
        best = number(max(defined) if is_higher_better else min(defined), 4)
    return [
        Cell(number(value, decimals), value is not None and number(value, 4) == best)
        for value in values
    ]
