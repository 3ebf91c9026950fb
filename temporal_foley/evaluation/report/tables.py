"""Plain numbers of `metrics.json` in, tables as HTML out. What is undefined is a dash."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

Numbers = Mapping[str, Any]

ROWS: tuple[tuple[str, tuple[str, ...], int, bool | None], ...] = (
    ("ROC-AUC by frame, macro", ("frames", "macro", "roc_auc"), 3, True),
    ("&emsp;95 % interval, by source", ("frames", "macro", "roc_auc_interval"), 3, None),
    ("&emsp;effects that are defined", ("frames", "macro", "defined_effects"), 0, None),
    ("ROC-AUC by frame, micro", ("frames", "micro", "roc_auc"), 3, True),
    ("ROC-AUC by clip, macro", ("clips", "macro", "roc_auc"), 3, True),
    (
        "Any effect by frame, 1 − Π(1 − p)",
        ("frames", "any_effect", "one_minus_product", "roc_auc"),
        3,
        True,
    ),
    ("Any effect by frame, max p", ("frames", "any_effect", "max", "roc_auc"), 3, True),
    (
        "Any effect by clip, 1 − Π(1 − p)",
        ("clips", "any_effect", "one_minus_product", "roc_auc"),
        3,
        True,
    ),
    ("Average precision by frame, macro", ("frames", "macro", "average_precision"), 3, True),
    ("Log-loss by frame, micro", ("frames", "micro", "log_loss"), 4, False),
    ("Calibration error by frame, micro", ("frames", "micro", "calibration_error"), 4, False),
    ("Onset F1 ± 100 ms, macro", ("events", "onset_100ms", "macro", "f1"), 3, True),
    ("Onset F1 ± 250 ms, macro", ("events", "onset_250ms", "macro", "f1"), 3, True),
    ("Event F1, macro", ("events", "event", "macro", "f1"), 3, True),
    ("Segment F1 (1 s), macro", ("events", "segment", "macro", "f1"), 3, True),
    ("PSDS 1", ("events", "psds1"), 3, True),
    ("PSDS 2", ("events", "psds2"), 3, True),
    ("Clips with an effect that are heard", ("events", "heard", "share"), 3, True),
    ("False cues a minute with nothing to hear", ("events", "false_cues", "per_minute"), 2, False),
    ("Flips a minute", ("events", "flips_per_minute", "estimated"), 2, None),
    ("&emsp;as it is true", ("events", "flips_per_minute", "reference"), 2, None),
)
"""What is compared between models, where it stands, its decimals, whether higher is better."""


def number(value: Any, decimals: int = 3) -> str:
    """Write a number; None is a dash, a pair is an interval."""
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


def table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,)) -> str:
    """Lay out cells that are HTML already; `texts` are the columns that are no numbers."""

    def cell(tag: str, column: int, text: str) -> str:
        kind = ' class="text"' if column in texts else ""
        if text.startswith("<td"):
            return text
        return f"<{tag}{kind}>{text}</{tag}>"

    first = "".join(cell("th", column, text) for column, text in enumerate(head))
    body = "".join(
        f"<tr>{''.join(cell('td', column, text) for column, text in enumerate(row))}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>"


def comparison(models: Mapping[str, Numbers]) -> str:
    """Set models side by side, the best of each row in bold."""
    rows = []
    for title, path, decimals, is_higher_better in ROWS:
        values = [lookup(results, path) for results in models.values()]
        shown = [number(value, decimals) for value in values]
        rows.append([title, *_best_bold(values, shown, is_higher_better)])
    return table(["", *map(escape, models)], rows)


def effects_table(models: Mapping[str, Numbers], effects: Sequence[str]) -> str:
    """Set the effects in rows: what stands behind them, and how well they are told."""
    first = next(iter(models.values()))
    head = ["effect", "clips with it", "sources", "frames with it", "without"]
    head += [f"ROC-AUC<br>{escape(name)}" for name in models]
    head += ["95 % interval", "average<br>precision", "log-loss", "calibration<br>error"]
    head += ["onset F1<br>± 250 ms", "event F1", "threshold"]
    thresholds = {entry["effect"]: entry["threshold_on"] for entry in first["decision"]["effects"]}
    rows = []
    for name in effects:
        own = lookup(first, ("all", "frames", "effects", name))
        values = [
            lookup(results, ("all", "frames", "effects", name, "roc_auc"))
            for results in models.values()
        ]
        shown = [number(value) for value in values]
        found = first["all"]["events"]
        rows.append(
            [
                escape(name),
                number(first["all"]["material"]["clips_with_effect"][name], 0),
                number(own["positive_sources"], 0),
                number(own["positives"], 0),
                number(own["negatives"], 0),
                *_best_bold(values, shown, True),
                number(own["roc_auc_interval"], 2),
                number(own["average_precision"]),
                number(own["log_loss"]),
                number(own["calibration_error"]),
                number(found["onset_250ms"]["effects"][name]["f1"], 2),
                number(found["event"]["effects"][name]["f1"], 2),
                number(thresholds[name], 2),
            ]
        )
    return table(head, rows)


def datasets_table(results: Numbers) -> str:
    """Set the datasets in rows."""
    columns: tuple[tuple[str, Callable[[Numbers], str]], ...] = (
        ("clips", lambda r: number(r["material"]["clips"], 0)),
        ("stills", lambda r: number(r["material"]["stills"], 0)),
        ("minutes", lambda r: number(r["material"]["minutes"], 1)),
        ("sources", lambda r: number(r["material"]["sources"], 0)),
        ("macro ROC-AUC", lambda r: number(r["frames"]["macro"]["roc_auc"])),
        ("of effects", lambda r: number(r["frames"]["macro"]["defined_effects"], 0)),
        (
            "any effect",
            lambda r: number(r["frames"]["any_effect"]["one_minus_product"]["roc_auc"]),
        ),
        ("log-loss", lambda r: number(r["frames"]["micro"]["log_loss"], 4)),
        ("event F1", lambda r: number(r["events"]["event"]["macro"]["f1"])),
        ("PSDS 1", lambda r: number(r["events"]["psds1"])),
        ("heard", lambda r: number(r["events"]["heard"]["share"])),
        ("false cues/min", lambda r: number(r["events"]["false_cues"]["per_minute"], 2)),
    )
    rows = [
        [escape(name), *(write(part) for _, write in columns)]
        for name, part in results["datasets"].items()
    ]
    return table(["dataset", *(title for title, _ in columns)], rows)


def sources_table(results: Numbers, most: int = 200) -> str:
    """Set the sources in rows, those with the highest log-loss first."""
    head = ["source", "dataset", "clips", "seconds", "what happens", "what was heard"]
    head += ["log-loss", "recall by frame", "false alarm rate"]
    rows = [
        [
            escape(_short(row["source"])),
            escape(row["dataset"]),
            number(row["clips"], 0),
            number(row["seconds"], 1),
            escape(", ".join(row["effects"])) or "nothing",
            escape(", ".join(row["cued"])) or "nothing",
            number(row["log_loss"]),
            number(row["recall"], 2),
            number(row["false_alarm_rate"]),
        ]
        for row in results["sources"][:most]
    ]
    return table(head, rows, texts=(0, 1, 4, 5))


def conflicts_table(conflicts: Numbers) -> str:
    """Set the effects on which eye and ear are at odds in rows, the widest first."""

    def sent(shares: Mapping[str, float]) -> str:
        return ", ".join(f"{escape(name)} {100 * share:.0f} %" for name, share in shares.items())

    rows = [
        [
            escape(row["effect"]),
            number(row["picture_recall"], 2),
            number(row["sound_recall"], 2),
            f"{row['difference']:+.2f}",
            sent(row["picture_sends"]) or "–",
            sent(row["sound_sends"]) or "–",
        ]
        for row in conflicts["ranking"]
    ]
    head = ["effect", "found by eye", "by ear", "ear − eye", "the eye sends it to", "the ear to"]
    return table(head, rows, texts=(0, 4, 5))


def decision_table(results: Numbers) -> str:
    """Set what the decision holds of each effect in rows."""
    fields = {
        "slope": 2,
        "bias": 2,
        "threshold_on": 3,
        "threshold_off": 3,
        "lasts_s": 1,
        "spread": 2,
        "gap_s": 1,
    }
    rows = [
        [escape(entry["effect"]), *(number(entry[f], places) for f, places in fields.items())]
        for entry in results["decision"]["effects"]
    ]
    return table(["effect", *(field.replace("_", " ") for field in fields)], rows)


def _best_bold(
    values: Sequence[Any], shown: Sequence[str], is_higher_better: bool | None
) -> list[str]:
    defined = [value for value in values if isinstance(value, int | float)]
    if is_higher_better is None or len(values) < 2 or not defined:
        return list(shown)
    best = number(max(defined) if is_higher_better else min(defined), 4)
    return [
        f'<td class="best">{text}</td>' if value is not None and number(value, 4) == best else text
        for value, text in zip(values, shown, strict=True)
    ]


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
