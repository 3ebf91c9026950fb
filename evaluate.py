"""Judge a bundle on features it was not trained on: `python evaluate.py BUNDLE --data FEATURES`.

Writes DIR/metrics.json and DIR/report.html. Each baseline is a bundle too and is judged on the same
frames, each by the decision that stands in it.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

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
MAIN = "model"
Report = Callable[[str, float], None]


class _Parser(argparse.ArgumentParser):
    """Tells a wrong word in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    words = _words(argv)
    # After the words are read, so that --help is there at once.
    from temporal_foley.errors import FoleyError, one_line

    try:
        run(words)
    except FoleyError as error:
        print(f"evaluate.py: {one_line(error)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("evaluate.py: interrupted; nothing half-written is left", file=sys.stderr)
        return 130
    return 0


def _words(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="evaluate.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the model")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FEATURES", help="folder of cached features"
    )
    parser.add_argument("--split", default="test", help="which part of it (default: test)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the report goes"
    )
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="NAME=BUNDLE",
        help="another model to judge on the same frames; may be given again",
    )
    parser.add_argument(
        "--datasets", nargs="+", default=[], metavar="NAME", help="only these; all, if not given"
    )
    parser.add_argument(
        "--labels-of",
        choices=("picture", "sound"),
        help="count only events that are seen, or only those that are heard",
    )
    parser.add_argument(
        "--without-sound", action="store_true", help="judge as if no clip had any sound"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="DATA", help="built datasets, for pictures of mistakes"
    )
    parser.add_argument(
        "--alpha-curve",
        type=Path,
        metavar="FILE.json",
        help='a sweep of late fusion to show: [{"alpha": .1, "accuracy": .8, "log_loss": .5}, ...]',
    )
    parser.add_argument("--seed", type=int, default=0, help="of the intervals")
    parser.add_argument(
        "--draws", type=int, default=1000, help="of sources, for the intervals (default: 1000)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier report")
    words = parser.parse_args(argv)
    if words.draws < 1:
        parser.error(f"--draws must be at least 1, got {words.draws}")
    return words


def run(words: argparse.Namespace) -> None:
    """Judge, and write what came out."""
    _check_out(words.out, words.overwrite)
    alpha = _read_alpha(words.alpha_curve)
    paths = {MAIN: words.bundle} | _baselines(words.baseline)

    from data_pipeline.features.split import open_split
    from temporal_foley.cli.console import Console
    from temporal_foley.models.bundle.bundle import load_bundle
    from temporal_foley.models.compilation import enable_compilation_cache

    enable_compilation_cache()
    split = open_split(words.data, words.split, datasets=tuple(words.datasets))
    bundles = {name: load_bundle(path) for name, path in paths.items()}
    for name, bundle in bundles.items():
        _check_fit(paths[name], bundle, bundles[MAIN], split)
    decisions = {name: _decision(bundle) for name, bundle in bundles.items()}

    with Console().progress(words.split) as report:
        scored, by_eye, by_ear = _score(words, split, bundles, decisions, report)
        models = _judge(words, scored, bundles, decisions, report)
        conflicts = _conflicts(by_eye, by_ear, bundles[MAIN].vocabulary, decisions[MAIN])
        document = {
            "schema": SCHEMA,
            "version": VERSION,
            "split": words.split,
            "data": split.facts(),
            "labels_of": words.labels_of or "picture or sound",
            "with_sound": not words.without_sound,
            "seed": words.seed,
            "draws": words.draws,
            "effects": bundles[MAIN].vocabulary.names,
            "models": {name: judged.results for name, judged in models.items()},
            "conflicts": conflicts,
        }
        _write(words, document, models, bundles[MAIN].vocabulary, alpha, report)
    _tell(models, words.out)


def _check_out(out: Path, overwrite: bool) -> None:
    from temporal_foley.errors import OutputExistsError

    if out.exists() and not out.is_dir():
        raise OutputExistsError(f"{out}: exists and is not a folder; choose another --out")
    if out.is_dir() and any(out.iterdir()):
        is_ours = (out / "metrics.json").is_file()
        if not overwrite:
            raise OutputExistsError(f"{out}: is there already; give another --out or --overwrite")
        if not is_ours:
            raise OutputExistsError(f"{out}: holds no earlier report and is left alone")


def _read_alpha(path: Path | None) -> list[Mapping[str, float]]:
    from temporal_foley.errors import UsageError

    if path is None:
        return []
    try:
        rows = json.loads(path.read_text("utf-8"))
        return [{key: float(row[key]) for key in ("alpha", "accuracy", "log_loss")} for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--alpha-curve {path}: cannot be read ({error!r})") from None


def _baselines(given: Sequence[str]) -> dict[str, Path]:
    from temporal_foley.errors import UsageError

    paths: dict[str, Path] = {}
    for word in given:
        name, equals, path = word.partition("=")
        if not (name and equals and path) or name in (MAIN, *paths):
            raise UsageError(f"--baseline must be NAME=BUNDLE, each name once, got {word!r}")
        paths[name] = Path(path)
    return paths


def _check_fit(path: Path, bundle: "Bundle", main_bundle: "Bundle", split: "FeatureSplit") -> None:
    """The features must be those that the model was made for."""
    from temporal_foley.errors import UsageError

    senses, settings = bundle.senses, split.settings
    hashes = settings.get("weights") or {}
    for what, wanted, found in (
        ("frame rate", senses.frame_rate, split.frame_rate),
        ("backbone", senses.backbone, settings.get("backbone")),
        ("aspect", senses.aspect, settings.get("aspect")),
        ("backbone weights", senses.backbone_sha256, hashes.get("backbone")),
        ("listener weights", senses.listener_sha256, hashes.get("listener")),
    ):
        if wanted and found and wanted != found:
            raise UsageError(
                f"{path}: was trained on features of another {what} ({str(wanted)[:16]}, here "
                f"{str(found)[:16]}); extract them again with `--bundle`"
            )
    if bundle.vocabulary.names != main_bundle.vocabulary.names:
        odd = sorted(set(bundle.vocabulary.names) ^ set(main_bundle.vocabulary.names))
        raise UsageError(
            f"{path}: has other effects than the model ({odd[0] if odd else 'another order'})"
        )


def _decision(bundle: "Bundle") -> "Decision":
    from temporal_foley.spotting.decision import decision_from_json, default_decision

    if bundle.decision is not None:
        return decision_from_json(bundle.decision, bundle.vocabulary)
    decoder = "mode" if bundle.tagger.output == "softmax" else "hysteresis"
    return default_decision(bundle.vocabulary, output=bundle.tagger.output, decoder=decoder)


Scored = dict[str, list["ScoredClip"]]


def _score(
    words: argparse.Namespace,
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
        has_sound = record.has_sound and not words.without_sound
        clip = unscored_clip(
            record, split.dataset(number), bundles[MAIN].vocabulary, words.labels_of
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
    words: argparse.Namespace,
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
            seed=words.seed,
            draws=words.draws,
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
    words: argparse.Namespace,
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
    strips: Mapping[str, Any] = {}
    if words.pictures is not None:
        from data_pipeline.prepare.strips import picture_strips

        wanted = [models[MAIN].clips[mistake.clip] for mistake in mistakes]
        strips = picture_strips(
            words.pictures,
            {(clip.dataset, clip.id) for clip in wanted},
            lambda part: report("fetching pictures", part),
        )
    numbers = plain(document)
    with staged(words.out) as folder:
        text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / "metrics.json").write_text(text, encoding="utf-8")
        page = report_page(numbers, models, mistakes, strips, alpha)
        (folder / "report.html").write_text(page, encoding="utf-8")


def _tell(models: Mapping[str, "Judged"], out: Path) -> None:
    """Print the headline, a row a model."""

    def shown(value: float) -> str:
        return f"{value:.3f}" if value == value else "-"

    rows = [("", "macro ROC-AUC", "any effect", "event F1", "false cues/min", "heard")]
    for name, judged in models.items():
        overall = judged.results["all"]
        macro = overall["frames"]["macro"]
        rows.append(
            (
                name,
                f"{shown(macro['roc_auc'])} ({macro['defined_effects']})",
                shown(overall["frames"]["any_effect"]["one_minus_product"]["roc_auc"]),
                shown(overall["events"]["event"]["macro"]["f1"]),
                shown(overall["events"]["false_cues"]["per_minute"]),
                shown(overall["events"]["heard"]["share"]),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)))
    print(f"{out / 'report.html'}")


if __name__ == "__main__":
    sys.exit(main())
