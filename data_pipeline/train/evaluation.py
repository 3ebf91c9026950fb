"""Evaluate bundles on cached features, and write the report."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data_pipeline.train.compare import MAIN, behind
from temporal_foley.errors import OutputExistsError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from data_pipeline.features.record import FeatureRecord
    from data_pipeline.features.split import FeatureSplit
    from temporal_foley.effects import Vocabulary
    from temporal_foley.evaluation.judgement import Judged
    from temporal_foley.evaluation.scored_clip import ScoredClip
    from temporal_foley.models.bundle.bundle import Bundle
    from temporal_foley.spotting.decision import Decision

SCHEMA = "temporal-foley/metrics"
VERSION = 1
Report = Callable[[str, float], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """What to evaluate, and how."""

    bundle: Path
    data: Path
    """Folder of cached features."""
    out: Path
    """Folder of the report."""
    split: str = "test"
    datasets: tuple[str, ...] = ()
    """Only these datasets; empty: all."""
    baseline: tuple[str, ...] = ()
    """Other models on the same frames, each NAME=BUNDLE."""
    labels_of: Literal["picture", "sound"] | None = None
    """Count only events that are visible, or only those that are audible."""
    without_sound: bool = False
    """Evaluate as if no clip had any sound."""
    pictures: Path | None = None
    """Built datasets, for pictures of mistakes."""
    alpha_curve: Path | None = None
    """A sweep of late fusion to plot."""
    seed: int = 0
    draws: int = 1000
    """Bootstrap draws for the confidence intervals."""
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise UsageError(f"must be at least 1, got {self.draws}", option="--draws")


def evaluate(
    options: EvaluateOptions, report: Report = lambda stage, part: None
) -> dict[str, "Judged"]:
    """Evaluate all models on the same frames, and write metrics.json and report.html.

    Args:
        options: What to evaluate.
        report: Called with a stage and how much of it is done.

    Returns:
        Results by model; the evaluated bundle is `model`.

    Raises:
        OutputExistsError: The output folder exists.
        UsageError: A model and the features do not fit.
    """
    _check_out(options.out, options.overwrite)
    alpha = _read_alpha(options.alpha_curve)
    paths = {MAIN: options.bundle} | _baselines(options.baseline)

    from data_pipeline.features.split import open_split
    from temporal_foley.models.bundle.bundle import load_bundle
    from temporal_foley.models.bundle.parts import bundle_parts
    from temporal_foley.models.compilation import enable_compilation_cache

    enable_compilation_cache()
    split = open_split(options.data, options.split, datasets=tuple(options.datasets))
    bundles = {name: load_bundle(path) for name, path in paths.items()}
    for name, bundle in bundles.items():
        _check_fit(paths[name], bundle, bundles[MAIN], split)
    # What the model has to beat is in it.
    bundles = {**bundle_parts(bundles[MAIN]), **bundles}
    bundles = {MAIN: bundles[MAIN], **bundles}
    decisions = {name: decision_of(bundle) for name, bundle in bundles.items()}

    scored, by_eye, by_ear = _score(options, split, bundles, decisions, report)
    models = _judge(options, scored, bundles, decisions, report)
    conflicts = _conflicts(by_eye, by_ear, bundles[MAIN].vocabulary, decisions[MAIN])
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "split": options.split,
        "data": split.facts(),
        "labels_of": options.labels_of or "picture or sound",
        "with_sound": not options.without_sound,
        "seed": options.seed,
        "draws": options.draws,
        "effects": bundles[MAIN].vocabulary.names,
        "models": {name: judged.results for name, judged in models.items()},
        "behind": behind(models),
        "conflicts": conflicts,
    }
    _write(options, document, models, bundles[MAIN].vocabulary, alpha, report)
    return models


def _check_out(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise OutputExistsError("not a folder", path=out, remedy="use another --out")
    if out.is_dir() and any(out.iterdir()):
        is_ours = (out / "metrics.json").is_file()
        if not overwrite:
            raise OutputExistsError("exists", path=out, remedy="use another --out, or --overwrite")
        if not is_ours:
            raise OutputExistsError("not an earlier report", path=out, remedy="use another --out")


def _read_alpha(path: Path | None) -> list[Mapping[str, float]]:
    if path is None:
        return []
    try:
        rows = json.loads(path.read_text("utf-8"))
        return [{key: float(row[key]) for key in ("alpha", "accuracy", "log_loss")} for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"cannot be read ({error!r})", option="--alpha-curve", path=path) from None


def _baselines(given: Sequence[str]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for word in given:
        name, equals, path = word.partition("=")
        if not (name and equals and path) or name in (MAIN, *paths):
            raise UsageError(
                f"must be NAME=BUNDLE, each name once, got {word!r}", option="--baseline"
            )
        paths[name] = Path(path)
    return paths


def _check_fit(path: Path, bundle: "Bundle", main_bundle: "Bundle", split: "FeatureSplit") -> None:
    """The features must be those that the model was made for."""
    inputs, settings = bundle.inputs, split.settings
    hashes = settings.get("weights") or {}
    for what, wanted, found in (
        ("frame rate", inputs.frame_rate, split.frame_rate),
        ("backbone", inputs.backbone, settings.get("backbone")),
        ("aspect", inputs.aspect, settings.get("aspect")),
        ("backbone weights", inputs.backbone_sha256, hashes.get("backbone")),
        ("listener weights", inputs.listener_sha256, hashes.get("listener")),
    ):
        if wanted and found and wanted != found:
            raise UsageError(
                f"trained on features of another {what} ({str(wanted)[:16]}, not "
                f"{str(found)[:16]})",
                path=path,
                remedy=f"extract them again with python -m data_pipeline features --bundle {path}",
            )
    if bundle.vocabulary.names != main_bundle.vocabulary.names:
        odd = sorted(set(bundle.vocabulary.names) ^ set(main_bundle.vocabulary.names))
        raise UsageError(
            f"other effects than the model has ({odd[0] if odd else 'another order'})", path=path
        )


def decision_of(bundle: "Bundle") -> "Decision":
    """Return the decision of a bundle, or the default one."""
    from temporal_foley.spotting.decision import decision_from_json, default_decision

    if bundle.decision is not None:
        return decision_from_json(bundle.decision, bundle.vocabulary)
    decoder = "mode" if bundle.tagger.output == "softmax" else "hysteresis"
    return default_decision(bundle.vocabulary, output=bundle.tagger.output, decoder=decoder)


Scored = dict[str, list["ScoredClip"]]


def _score(
    options: EvaluateOptions,
    split: "FeatureSplit",
    bundles: Mapping[str, "Bundle"],
    decisions: Mapping[str, "Decision"],
    report: Report,
) -> tuple[Scored, list["ScoredClip"], list["ScoredClip"]]:
    """Let every model judge every record; the main one also by eye alone and by ear alone."""
    from data_pipeline.features.scoring import unscored_clip

    scored: Scored = {name: [] for name in bundles}
    by_eye: list[ScoredClip] = []
    by_ear: list[ScoredClip] = []
    for number in range(len(split)):
        record = split[number]
        has_sound = record.has_sound and not options.without_sound
        clip = unscored_clip(
            record, split.dataset(number), bundles[MAIN].vocabulary, options.labels_of
        )
        clip = dataclasses.replace(clip, has_sound=has_sound)

        def with_senses(
            name: str,
            eye: bool,
            ear: bool,
            clip: "ScoredClip" = clip,
            record: "FeatureRecord" = record,
        ) -> "ScoredClip":
            chances = _probabilities(bundles[name], decisions[name], record, eye, ear)
            return dataclasses.replace(clip, probabilities=chances)

        for name in bundles:
            scored[name].append(with_senses(name, record.has_picture, has_sound))
        if has_sound and record.has_picture:
            by_eye.append(with_senses(MAIN, True, False))
            by_ear.append(with_senses(MAIN, False, True))
        report("judging clips", (number + 1) / len(split))
    return scored, by_eye, by_ear


def _probabilities(
    bundle: "Bundle", decision: "Decision", record: "FeatureRecord", eye: bool, ear: bool
) -> "np.ndarray":
    from temporal_foley.spotting.decision import calibrate

    logits = bundle.logits(record.visual, record.audio, has_picture=eye, has_sound=ear)
    return calibrate(logits, decision)


def _judge(
    options: EvaluateOptions,
    scored: Scored,
    bundles: Mapping[str, "Bundle"],
    decisions: Mapping[str, "Decision"],
    report: Report,
) -> dict[str, "Judged"]:
    from temporal_foley.evaluation.judgement import judge_model

    judged = {}
    for number, (name, clips) in enumerate(scored.items()):

        def done(part: float, number: int = number) -> None:
            report("measuring", (number + part) / len(scored))

        judged[name] = judge_model(
            bundles[name].name,
            clips,
            bundles[name].vocabulary,
            decisions[name],
            sha256=bundles[name].sha256,
            seed=options.seed,
            draws=options.draws,
            done=done,
        )
    return judged


def _conflicts(
    by_eye: list["ScoredClip"],
    by_ear: list["ScoredClip"],
    vocabulary: "Vocabulary",
    decision: "Decision",
) -> dict[str, Any] | None:
    """Compare eye and ear where there is both; None where there is never both."""
    from temporal_foley.evaluation.confusion import frame_confusion
    from temporal_foley.evaluation.judgement import conflict_table, confusion_table

    if not by_eye:
        return None
    seen, heard = frame_confusion(by_eye, decision), frame_confusion(by_ear, decision)
    return {
        "clips": len(by_eye),
        "ranking": conflict_table(vocabulary.names, seen, heard),
        "by_picture": confusion_table(seen, vocabulary.names),
        "by_sound": confusion_table(heard, vocabulary.names),
    }


def _write(
    options: EvaluateOptions,
    document: Mapping[str, Any],
    models: Mapping[str, "Judged"],
    vocabulary: "Vocabulary",
    alpha: list[Mapping[str, float]],
    report: Report,
) -> None:
    from temporal_foley.evaluation.mistakes import worst_mistakes
    from temporal_foley.evaluation.report.page import report_page
    from temporal_foley.evaluation.scored_clip import plain
    from temporal_foley.files.output import staged

    mistakes = [
        mistake
        for stills in (False, True)
        for mistake in worst_mistakes(models[MAIN], vocabulary, stills=stills)
    ]
    strips: Mapping[tuple[str, str], Any] = {}
    if options.pictures is not None:
        from data_pipeline.prepare.strips import picture_strips

        wanted = [models[MAIN].clips[mistake.clip] for mistake in mistakes]
        strips = picture_strips(
            options.pictures,
            {(clip.dataset, clip.id) for clip in wanted},
            lambda part: report("fetching pictures", part),
        )
    numbers = plain(document)
    with staged(options.out) as folder:
        text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / "metrics.json").write_text(text, encoding="utf-8")
        page = report_page(numbers, models, mistakes, strips, alpha)
        (folder / "report.html").write_text(page, encoding="utf-8")
