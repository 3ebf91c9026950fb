"""What was measured in, one page that tells it out: HTML without anything from elsewhere."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from temporal_foley.evaluation import curves
from temporal_foley.evaluation.calibration import reliability
from temporal_foley.evaluation.judgement import Judged
from temporal_foley.evaluation.metrics import Cells, any_effect, frame_cells
from temporal_foley.evaluation.mistakes import Mistake
from temporal_foley.evaluation.report import tables
from temporal_foley.evaluation.report.charts import (
    Dot,
    Series,
    dot_chart,
    heat_map,
    lane,
    line_chart,
)

Strips = Mapping[tuple[str, str], Sequence[tuple[float, bytes]]]
"""By dataset and id of a clip: times in seconds and JPEG files."""


def report_page(
    numbers: Mapping[str, Any],
    models: Mapping[str, Judged],
    mistakes: Sequence[Mistake],
    strips: Strips,
    alpha: Sequence[Mapping[str, float]] = (),
) -> str:
    """Write the page.

    Args:
        numbers: What stands in `metrics.json`.
        models: The model that the page is about, then its baselines.
        mistakes: The worst of the model.
        strips: Pictures of the clips of the mistakes.
        alpha: Accuracy and log-loss by the weight of late fusion, of report 004.
    """
    results = numbers["models"]
    main_name = next(iter(models))
    main = models[main_name]
    cells = {name: frame_cells(judged.clips) for name, judged in models.items()}
    sections = [
        ("side by side", _side_by_side(results)),
        ("effects", _effects(results, numbers["effects"])),
        ("curves", _curves(cells, numbers["effects"])),
        ("calibration", _calibration(cells, results[main_name])),
        ("confusion", _confusion(results[main_name]["confusion"])),
        ("eye and ear", _conflicts(numbers["conflicts"])),
        ("late fusion", _alpha(alpha)),
        ("datasets and sources", _material(results[main_name])),
        ("worst mistakes", _mistakes(main, mistakes, strips)),
    ]
    written = [(title, content) for title, content in sections if content]
    links = "".join(f'<a href="#{_anchor(title)}">{title}</a>' for title, _ in written)
    body = "".join(
        f'<section><h2 id="{_anchor(title)}">{title.capitalize()}</h2>{content}</section>'
        for title, content in written
    )
    style = (resources.files("temporal_foley.evaluation.report") / "report.css").read_text("utf-8")
    title = f"{main.name} on {numbers['split']}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{_lead(numbers, results[main_name])}<nav>{links}</nav>"
        f"{_tiles(results[main_name]['all'])}{body}</main></body></html>\n"
    )


def _lead(numbers: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    behind = results["all"]["material"]
    heard = "with sound where there is any" if numbers["with_sound"] else "without any sound"
    stills = f", {behind['stills']} stills" if behind["stills"] else ""
    return (
        f'<p class="soft">Judged {heard} on {behind["clips"]} clips of '
        f"{behind['minutes']:.1f} minutes{stills}, {behind['frames']:,} frames of "
        f"{behind['sources']} sources; labels by {escape(str(numbers['labels_of']))}. "
        "Intervals are 95 %, from drawing whole sources with replacement. A dash means that the "
        "material leaves a number undefined.</p>"
    )


def _tiles(overall: Mapping[str, Any]) -> str:
    frames, found = overall["frames"], overall["events"]
    chosen = (
        ("macro ROC-AUC by frame", tables.number(frames["macro"]["roc_auc"])),
        (
            "any effect, ROC-AUC by frame",
            tables.number(frames["any_effect"]["one_minus_product"]["roc_auc"]),
        ),
        ("event F1, macro", tables.number(found["event"]["macro"]["f1"])),
        ("clips with an effect heard", tables.number(found["heard"]["share"], 2)),
        ("false cues a minute", tables.number(found["false_cues"]["per_minute"], 2)),
    )
    tiles = "".join(f'<div class="tile"><b>{v}</b><span>{k}</span></div>' for k, v in chosen)
    return f'<div class="tiles">{tiles}</div>'


def _side_by_side(results: Mapping[str, Any]) -> str:
    rows = tables.comparison({name: part["all"] for name, part in results.items()})
    false = next(iter(results.values()))["all"]["events"]["false_cues"]
    heard = next(iter(results.values()))["all"]["events"]["heard"]
    return (
        f'<div class="scroll">{rows}</div><p class="soft">All models were judged on the same '
        f"frames, each by the decision in its own bundle. {heard['clips']} clips have an effect; "
        f"in {false['clips']} clips ({false['minutes']:.1f} minutes) it is known that there is "
        "nothing to hear. Macro averages run over the effects that are defined.</p>"
    )


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    marks = "".join(
        f'<span><i style="border-color:var(--s{place % 4})"></i>{escape(name)}</span>'
        for place, name in enumerate(names)
    )
    return f'<div class="legend">{marks}</div>'


def _effects(results: Mapping[str, Any], effects: Sequence[str]) -> str:
    rows = []
    for effect in effects:
        dots = []
        for place, (name, part) in enumerate(results.items()):
            own = part["all"]["frames"]["effects"][effect]
            if own["roc_auc"] is not None:
                low, high = (_nan(value) for value in own["roc_auc_interval"])
                dots.append(Dot(value=own["roc_auc"], low=low, high=high, colour=place, name=name))
        if dots:
            rows.append((effect, dots))
    chart = dot_chart(rows, x_label="ROC-AUC by frame, with 95 % intervals by source")
    return (
        f"{_legend(list(results))}<figure>{chart if rows else ''}</figure>"
        f'<div class="scroll">{tables.effects_table(results, effects)}</div>'
        '<p class="soft">Columns without a model’s name are of the first model. Of an effect with '
        "positives of a single source there is no interval: nobody knows how it would be with "
        "another.</p>"
    )


def _curves(cells: Mapping[str, Cells], effects: Sequence[str]) -> str:
    roc, precision = [], []
    for number, effect in enumerate(effects):
        lines: tuple[list[Series], list[Series]] = ([], [])
        for place, (name, own) in enumerate(cells.items()):
            truth, scores, _ = own.column(number)
            if not truth.any() or truth.all():
                continue
            for kind, curve in zip(
                lines,
                (
                    curves.roc_curve(truth, scores, 120),
                    curves.precision_recall_curve(truth, scores, 120),
                ),
                strict=True,
            ):
                kind.append(Series(name=name, x=list(curve.x), y=list(curve.y), colour=place))
        if not lines[0]:
            continue
        size: dict[str, Any] = {"width": 220, "height": 205, "title": effect}
        roc.append(
            line_chart(
                lines[0], x_label="false alarms", y_label="hits", guide=((0, 0), (1, 1)), **size
            )
        )
        precision.append(line_chart(lines[1], x_label="recall", y_label="precision", **size))
    if not roc:
        return ""
    anything = [
        Series(name=name, x=list(curve.x), y=list(curve.y), colour=place)
        for place, (name, own) in enumerate(cells.items())
        for truth, scores, _ in [any_effect(own)["one_minus_product"]]
        for curve in [curves.roc_curve(truth, scores)]
    ]
    first = line_chart(
        anything,
        x_label="share of frames without any effect",
        y_label="share of frames with one",
        title="is anything to be heard?",
        guide=((0, 0), (1, 1)),
    )
    return (
        f'{_legend(list(cells))}<div style="max-width:440px">{first}</div>'
        f'<h3>ROC by effect</h3><div class="many">{"".join(roc)}</div>'
        f'<h3>Precision and recall by effect</h3><div class="many">{"".join(precision)}</div>'
    )


def _calibration(cells: Mapping[str, Cells], results: Mapping[str, Any]) -> str:
    lines = []
    for place, (name, own) in enumerate(cells.items()):
        bins = reliability(own.truth[own.known], own.probabilities[own.known].astype(np.float64))
        lines.append(
            Series(
                name=name,
                x=list(bins.said),
                y=list(bins.happened),
                colour=place,
                has_dots=True,
            )
        )
    chart = line_chart(
        lines,
        x_label="probability that was given",
        y_label="share that was true",
        guide=((0, 0), (1, 1)),
    )
    decision = results["decision"]
    window = f", over {decision['window_s']:g} s" if decision["decoder"] != "semi_markov" else ""
    rule = decision["rule"] or "as in the vocabulary"
    return (
        f'{_legend(list(cells))}<div class="pair"><figure>{chart}<figcaption>All effects together, '
        "in 15 bins of equal width. Below the dashed line a model promises too much."
        f"</figcaption></figure><div><p>Decoder of the first model: "
        f"{escape(decision['decoder'].replace('_', '-'))}{window}. Thresholds: {escape(rule)}.</p>"
        f'<div class="scroll tall">{tables.decision_table(results)}</div></div></div>'
    )


def _confusion(confusion: Mapping[str, Any]) -> str:
    return (
        '<p class="soft">Frames with one effect or with none; rows are the truth, numbers'
        " are percent of the row, the count stands at its end. It is taken for the effect that "
        f"is farthest above its threshold. Accuracy: {tables.number(confusion['accuracy'])}.</p>"
        f'<div class="scroll">{heat_map(confusion["counts"], confusion["classes"])}</div>'
    )


def _conflicts(conflicts: Mapping[str, Any] | None) -> str:
    if conflicts is None:
        return ""
    maps = "".join(
        f"<figure><h3>{title}</h3>{heat_map(conflicts[key]['counts'], conflicts[key]['classes'])}"
        "</figure>"
        for title, key in (("By picture alone", "by_picture"), ("By sound alone", "by_sound"))
    )
    return (
        f'<p class="soft">The same model with one of its senses taken away, on the '
        f"{conflicts['clips']} clips with both. The wider the difference of the recalls, the more "
        "the two are at odds.</p>"
        f'<div class="scroll">{tables.conflicts_table(conflicts)}</div>'
        f'<div class="pair">{maps}</div>'
    )


def _alpha(alpha: Sequence[Mapping[str, float]]) -> str:
    if not alpha:
        return ""
    places = [row["alpha"] for row in alpha]
    charts = []
    for key, label, colour in (("accuracy", "accuracy", 0), ("log_loss", "log-loss", 1)):
        values = [row[key] for row in alpha]
        margin = 0.08 * (max(values) - min(values)) or 0.01
        line = Series(name=label, x=places, y=values, colour=colour, has_dots=True)
        charts.append(
            line_chart(
                [line],
                x_label="α, the weight of the picture",
                y_label=label,
                x_range=(min(places) - 0.02, max(places) + 0.02),
                y_range=(min(values) - margin, max(values) + margin),
            )
        )
    best = max(alpha, key=lambda row: (row["accuracy"], -row["log_loss"]))
    return (
        f"<p>Best at α = {best['alpha']:g}: accuracy {best['accuracy']:.3f}, log-loss "
        f'{best["log_loss"]:.3f}.</p><div class="pair">{"".join(charts)}</div>'
    )


def _material(results: Mapping[str, Any]) -> str:
    many = len(results["sources"])
    return (
        f'<div class="scroll">{tables.datasets_table(results)}</div>'
        f"<h3>By source, the highest log-loss first ({many} in all)</h3>"
        f'<div class="scroll tall">{tables.sources_table(results)}</div>'
    )


def _mistakes(judged: Judged, mistakes: Sequence[Mistake], strips: Strips) -> str:
    if not mistakes:
        return "<p>None: every known frame is on the right side of its threshold.</p>"
    groups: dict[bool, list[str]] = {False: [], True: []}
    for mistake in mistakes:
        groups[judged.clips[mistake.clip].is_still].append(_mistake(judged, mistake, strips))
    stills = f'<h3>Stills</h3><div class="stills">{"".join(groups[True])}</div>'
    return (
        '<p class="soft">Where the model was surest, and wrong longest; at most one of a source. '
        f"Dashed: the threshold.</p>{''.join(groups[False])}{stills if groups[True] else ''}"
    )


def _mistake(judged: Judged, mistake: Mistake, strips: Strips) -> str:
    clip = judged.clips[mistake.clip]
    truth = sorted({event.effect for event in clip.reference}) or ["nothing known"]
    pictures = "".join(
        f'<img alt="picture at {seconds:.1f} s" title="{seconds:.1f} s" '
        f'src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode("ascii")}">'
        for seconds, jpeg in strips.get((clip.dataset, clip.id), ())
    )
    senses = " and ".join(
        word for word, has in (("picture", clip.has_picture), ("sound", clip.has_sound)) if has
    )
    drawing = ""
    if clip.is_still:
        drawing = f"<p>p = {mistake.probabilities[0]:.3f}, threshold {mistake.threshold:.3f}</p>"
    else:
        drawing = lane(
            mistake.probabilities,
            mistake.threshold,
            mistake.truth,
            mistake.estimated,
            float(clip.grid.frame_rate),
        )
    return (
        f'<div class="mistake"><header><span class="kind">{mistake.kind}</span>'
        f"<b>{escape(mistake.effect)}</b><small>in it: {escape(', '.join(truth))} · {senses} · "
        f"{escape(clip.dataset)} · {escape(clip.id)}</small></header>"
        f'<div class="strip">{pictures}</div>{drawing}</div>'
    )


def _anchor(title: str) -> str:
    return title.replace(" ", "-")


def _nan(value: float | None) -> float:
    return np.nan if value is None else value
