"""Train and compare the heads of the scenes baseline.

    python -m baselines.scenes --data FEATURES --out DIR

FEATURES holds the features of `train`, `test` and perhaps `validation` clips with one scene each:
of a dataset `scenes`, or of `baselines.scenes.pairs`. DIR gets `metrics.json`, `conflicts.tsv`,
`alpha.png`, `losses.png` and `heatmaps.png`. Recipe: each modality standardised, Adam 1e-4 with
weight decay 1e-4, batches of 64, cross-entropy, 100 epochs, the weights of the best validation
loss, seed 0. Cost and results are in docs/how-to/baselines.md.
"""

import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from baselines.scenes import figures as printed
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.cli.runner import run
from temporal_foley.errors import OutputExistsError, UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenes:
    """Train the scene heads of the second report on clips with one scene each, and compare them.

    DIR gets metrics.json, conflicts.tsv, alpha.png, losses.png and heatmaps.png.
    """

    data: Annotated[Path, Arg(metavar="FEATURES")]
    """Features of the splits train, test and perhaps validation."""
    out: Annotated[Path, Arg(metavar="DIR", short="-o")]
    """Folder for the results."""
    heads: Annotated[tuple[str, ...] | None, Arg(metavar="HEAD...")] = None
    """Only these heads."""
    alphas: Annotated[tuple[float, ...] | None, Arg(metavar="ALPHA...")] = None
    """Weights of late fusion to try. (default: .10 .15 ... .90)"""
    epochs: int = 100
    """Most epochs."""
    patience: Annotated[int, Arg(metavar="EPOCHS")] = 0
    """End after this many epochs without gain; 0 disables it."""
    seed: int = 0
    """Seed of weights, batches and splits."""
    overwrite: bool = False
    """Replace earlier results."""

    def run(self, console: Console) -> None:
        """Train all heads, and write the results."""
        compare_heads(self)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run("python -m baselines.scenes", Scenes, argv)


def compare_heads(options: Scenes) -> None:
    """Train all heads, and write the results.

    Raises:
        FoleyError: An option is wrong, or the features cannot be used.
    """
    # Imported here: help should not wait for jax.
    from baselines.scenes.alpha_sweep import ALPHAS
    from baselines.scenes.fit import FitConfig
    from baselines.scenes.heads import HEADS, HeadName
    from baselines.scenes.input import open_scene_splits
    from baselines.scenes.runs import run_all

    wanted = options.heads or HEADS
    if unknown := [name for name in wanted if name not in HEADS]:
        raise UsageError.unknown("head", unknown[0], HEADS, option="--heads")
    heads: list[HeadName] = [name for name in HEADS if name in wanted]
    alphas = tuple(sorted(options.alphas or ALPHAS))
    if not all(0.0 <= alpha <= 1.0 for alpha in alphas):
        raise UsageError(f"--alphas must be within 0 and 1, got {alphas}")
    if options.epochs < 1 or options.patience < 0:
        raise UsageError("--epochs must be at least 1 and --patience at least 0")
    if not options.data.is_dir():
        raise UsageError(f"{options.data}: no such folder")
    if options.out.exists() and not options.overwrite:
        raise OutputExistsError(f"{options.out}: exists; use --overwrite")
    if options.out.exists() and any(options.out.iterdir()):
        _check_ours(options.out)
    fit = FitConfig(epochs=options.epochs, patience=options.patience, seed=options.seed)
    began = time.perf_counter()
    splits = open_scene_splits(options.data, seed=options.seed)
    for split, clips in splits.items():
        sources = {source for joined in clips.sources for source in joined.split("|")}
        print(f"{split}: {len(clips)} clips of {len(sources)} sources", flush=True)
    unfinished = options.out.with_name(f"{options.out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    document = run_all(splits, unfinished, heads=heads, alphas=alphas, fit=fit)
    document["seconds"] = round(time.perf_counter() - began, 1)
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (unfinished / "metrics.json").write_text(text, "utf-8")
    if options.out.exists():
        shutil.rmtree(options.out)
    unfinished.replace(options.out)
    print("\n".join(describe(document)))
    print(f"written to {options.out}")


def _check_ours(folder: Path) -> None:
    """Refuse to replace a folder that this command did not write."""
    try:
        schema = json.loads((folder / "metrics.json").read_text("utf-8"))["schema"]
    except (OSError, ValueError, KeyError, TypeError):
        schema = None
    if schema != "temporal-foley/report_004":
        raise OutputExistsError(f"{folder}: not a result of this command; choose another --out")


def describe(document: dict[str, Any]) -> list[str]:
    """Return the tables of a finished run, beside the scores that the report printed."""
    clips = document["clips"]["test"]
    lines = [
        "",
        f"{clips} test clips of {len(document['scenes'])} scenes; "
        "in brackets the report's scores on its own clips",
        f"{'head':<24}{'numbers':>12}{'epoch':>7}{'accuracy':>10}{'':>9}{'log-loss':>10}",
    ]
    for name, head in document["heads"].items():
        theirs = printed.HEADS.get(name)
        accuracy, log_loss = (f"({value:.3f})" if theirs else "" for value in theirs or (0.0, 0.0))
        test = head["test"]
        lines.append(
            f"{name:<24}{head['trained_numbers']:>12,}{head['best_epoch']:>7}"
            f"{test['accuracy']:>10.3f}{accuracy:>9}{test['log_loss']:>10.3f}{log_loss:>9}"
        )
    if sweep := document["alpha"]:
        lines += ["", f"{'alpha':<8}{'validation':>20}{'test':>20}   accuracy, log-loss"]
        for point in sweep["points"]:
            is_best = point["alpha"] == sweep["best"]
            lines.append(
                f"{point['alpha']:<8.2f}"
                f"{point['validation_accuracy']:>12.3f}{point['validation_log_loss']:>8.3f}"
                f"{point['test_accuracy']:>12.3f}{point['test_log_loss']:>8.3f}"
                f"{'   best on validation' if is_best else ''}"
            )
        lines.append(f"the report's best: {printed.BEST_ALPHA:.2f}")
    if document["conflicts"]:
        lines += ["", f"{'conflict':<16}{'video':>7}{'audio':>7}   taken for, by video | by audio"]
        for conflict in document["conflicts"]:
            sent = " | ".join(
                ", ".join(f"{name} {share:.2f}" for name, share in conflict[f"{sense}_sends"])
                or "-"
                for sense in ("video", "audio")
            )
            lines.append(
                f"{conflict['scene']:<16}{conflict['video_recall']:>7.2f}"
                f"{conflict['audio_recall']:>7.2f}   {sent}"
            )
        ranked = ", ".join(
            f"{c['scene']} {c['difference']:.2f}" for c in document["report_conflicts"]
        )
        lines.append(f"the report's recalls, ranked the same way: {ranked}")
        lines.append(f"of these it names {', '.join(printed.NAMED_CONFLICTS)}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
