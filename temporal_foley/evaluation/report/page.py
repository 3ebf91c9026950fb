"""Write the report of an evaluation as one HTML page that needs no other file."""

import base64
import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from temporal_foley.evaluation import curves
from temporal_foley.evaluation.calibration import reliability
from temporal_foley.evaluation.judgement import Judged
from temporal_foley.evaluation.metrics import Cells, any_effect, frame_cells
from temporal_foley.evaluation.mistakes import Mistake
from temporal_foley.evaluation.report import charts, tables
from temporal_foley.evaluation.report.charts import Dot, Line, Panel

Strips = Mapping[tuple[str, str], Sequence[tuple[float, bytes]]]
"""By dataset and id of a clip: times in seconds and JPEG files."""
_SMALL_POINTS = 120


def report_page(
    numbers: Mapping[str, Any],
    models: Mapping[str, Judged],
    mistakes: Sequence[Mistake],
    strips: Strips,
    alpha: Sequence[Mapping[str, float]] = (),
) -> str:
    """Write the page.

    Args:
        numbers: The content of `metrics.json`.
        models: The model that the page is about, then its baselines.
        mistakes: The model's worst mistakes.
        strips: Images of the clips of the mistakes.
        alpha: Accuracy and log-loss by the weight of late fusion, from the scenes baseline.
    """
    main_name, main = next(iter(models.items()))
    cells = {name: frame_cells(judged.clips) for name, judged in models.items()}
    conflicts = numbers["conflicts"]
    charted = {
        "areas": _areas(numbers["models"], numbers["effects"]),
        "calibration": _calibration(cells),
        "confusion": _heat_map(numbers["models"][main_name]["confusion"]),
        "by_picture": _heat_map(conflicts["by_picture"]) if conflicts else "",
        "by_sound": _heat_map(conflicts["by_sound"]) if conflicts else "",
        **_curves(cells, numbers["effects"]),
        **_alpha(alpha),
    }
    return _template().render(
        numbers=numbers,
        model=numbers["models"][main_name],
        title=f"{main.name} on {numbers['split']}",
        names=list(models),
        charts={name: Markup(chart) for name, chart in charted.items()},
        best_alpha=max(alpha, key=lambda row: (row["accuracy"], -row["log_loss"]), default=None),
        mistakes=[_mistake(main, mistake, strips) for mistake in mistakes],
        tables=tables,
        style=Markup(_resource("report.css")),
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = tables.number
    return environment.from_string(_resource("report.html.jinja"))


def _resource(name: str) -> str:
    return (resources.files("temporal_foley.evaluation.report") / name).read_text("utf-8")


def _areas(results: Mapping[str, Any], effects: Sequence[str]) -> str:
    rows = []
    for effect in effects:
        dots = []
        for place, part in enumerate(results.values()):
            own = part["all"]["frames"]["effects"][effect]
            if own["roc_auc"] is not None:
                low, high = (np.nan if v is None else v for v in own["roc_auc_interval"])
                dots.append(Dot(own["roc_auc"], low, high, place))
        if dots:
            rows.append((effect, dots))
    label = "ROC-AUC by frame, with 95 % intervals by source"
    return charts.dot_chart(rows, x_label=label) if rows else ""


def _curves(cells: Mapping[str, Cells], effects: Sequence[str]) -> dict[str, str]:
    roc, precision = [], []
    for number, effect in enumerate(effects):
        columns = [own.column(number) for own in cells.values()]
        for panels, curve in ((roc, curves.roc_curve), (precision, curves.precision_recall_curve)):
            drawn = [curve(truth, scores, _SMALL_POINTS) for truth, scores, _ in columns]
            lines = [Line(c.x, c.y, place) for place, c in enumerate(drawn) if len(c.x)]
            if lines:
                panels.append(Panel(effect, lines))
    if not roc:
        return {}
    anything = [any_effect(own)["one_minus_product"] for own in cells.values()]
    drawn = [curves.roc_curve(truth, scores) for truth, scores, _ in anything]
    return {
        "any_effect": charts.line_chart(
            [Line(c.x, c.y, place) for place, c in enumerate(drawn)],
            x_label="share of frames without any effect",
            y_label="share of frames with one",
            title="any effect",
            has_guide=True,
        ),
        "roc": charts.panels(roc, x_label="false alarm rate", y_label="hit rate", has_guide=True),
        "precision": charts.panels(precision, x_label="recall", y_label="precision"),
    }


def _calibration(cells: Mapping[str, Cells]) -> str:
    bins = [
        reliability(own.truth[own.known], own.probabilities[own.known].astype(np.float64))
        for own in cells.values()
    ]
    return charts.line_chart(
        [Line(one.said, one.happened, place) for place, one in enumerate(bins)],
        x_label="predicted probability",
        y_label="share of positives",
        has_guide=True,
        has_dots=True,
    )


def _heat_map(confusion: Mapping[str, Any]) -> str:
    return charts.heat_map(confusion["counts"], confusion["classes"])


def _alpha(alpha: Sequence[Mapping[str, float]]) -> dict[str, str]:
    return {
        f"alpha_{key}": charts.line_chart(
            [Line([row["alpha"] for row in alpha], [row[key] for row in alpha], place)],
            x_label="α, the weight of the image",
            y_label=key.replace("_", "-"),
            has_dots=True,
            is_share=False,
        )
        for place, key in enumerate(("accuracy", "log_loss"))
        if alpha
    }


def _mistake(judged: Judged, mistake: Mistake, strips: Strips) -> dict[str, Any]:
    clip = judged.clips[mistake.clip]
    modalities = (("image", clip.has_picture), ("sound", clip.has_sound))
    lane = (
        ""
        if clip.is_still
        else charts.lane(
            mistake.probabilities,
            mistake.threshold,
            mistake.truth,
            mistake.estimated,
            float(clip.grid.frame_rate),
        )
    )
    return {
        "kind": mistake.kind,
        "effect": mistake.effect,
        "true_effects": ", ".join(sorted({event.effect for event in clip.reference})) or "none",
        "modalities": " and ".join(name for name, has in modalities if has),
        "dataset": clip.dataset,
        "clip": clip.id,
        "is_still": clip.is_still,
        "probability": float(mistake.probabilities[0]),
        "threshold": mistake.threshold,
        "lane": Markup(lane),
        "images": [
            (seconds, base64.b64encode(jpeg).decode("ascii"))
            for seconds, jpeg in strips.get((clip.dataset, clip.id), ())
        ],
    }
