"""Report 004 on audio-visual scenes: its heads, the weight of late fusion, its conflicts.

    python -m baselines.scenes --data FEATURES --out DIR

FEATURES holds the features of `train`, `test` and perhaps `validation` clips with a scene each:
those of a dataset `scenes`, or of `baselines.scenes.pairs`. DIR gets `metrics.json`,
`conflicts.tsv`, `alpha.png`, `losses.png` and `heatmaps.png`. Recipe: each modality standardised,
Adam 1e-4 with weight decay 1e-4, batches of 64, cross-entropy, 100 epochs, the weights of the best
validation loss, seed 0. What it costs and reached stands in docs/how-to/baselines.md.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from baselines.scenes import figures as printed
from temporal_foley.errors import FoleyError, OutputExistsError, UsageError


class _Parser(argparse.ArgumentParser):
    """Tells a wrong word in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _Parser(
        prog="python -m baselines.scenes",
        description="Train report 004's heads on clips with a scene each and compare.",
    )
    parser.add_argument("--data", type=Path, required=True, help="features of train, test, ...")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is found")
    parser.add_argument("--heads", nargs="+", metavar="HEAD", help="only some of the heads")
    parser.add_argument("--alphas", nargs="+", type=float, metavar="ALPHA", help=".10 .15 ... .90")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument(
        "--patience", type=int, default=0, metavar="N", help="end after N epochs without gain"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--overwrite", action="store_true", help="replace DIR")
    words = parser.parse_args(argv)
    try:
        _make(words)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 3
    return 0


def _make(words: argparse.Namespace) -> None:
    # After the words are read, so that --help is there at once.
    from baselines.scenes.alpha_sweep import ALPHAS
    from baselines.scenes.fit import FitConfig
    from baselines.scenes.heads import HEADS
    from baselines.scenes.input import open_scene_splits
    from baselines.scenes.runs import run_all

    heads = tuple(words.heads or HEADS)
    if unknown := [name for name in heads if name not in HEADS]:
        raise UsageError(f"--heads must be of {', '.join(HEADS)}, got {unknown[0]}")
    alphas = tuple(sorted(words.alphas or ALPHAS))
    if not all(0.0 <= alpha <= 1.0 for alpha in alphas):
        raise UsageError(f"--alphas must be within 0 and 1, got {alphas}")
    if words.epochs < 1 or words.patience < 0:
        raise UsageError("--epochs must be at least 1 and --patience at least 0")
    if not words.data.is_dir():
        raise UsageError(f"{words.data}: no such folder")
    if words.out.exists() and not words.overwrite:
        raise OutputExistsError(f"{words.out}: is there already; use --overwrite")
    if words.out.exists() and any(words.out.iterdir()):
        _check_ours(words.out)
    fit = FitConfig(epochs=words.epochs, patience=words.patience, seed=words.seed)
    began = time.perf_counter()
    splits = open_scene_splits(words.data, seed=words.seed)
    for split, clips in splits.items():
        sources = {source for joined in clips.sources for source in joined.split("|")}
        print(f"{split}: {len(clips)} clips of {len(sources)} sources", flush=True)
    unfinished = words.out.with_name(f"{words.out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    document = run_all(splits, unfinished, heads=heads, alphas=alphas, fit=fit)
    document["seconds"] = round(time.perf_counter() - began, 1)
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (unfinished / "metrics.json").write_text(text, "utf-8")
    if words.out.exists():
        shutil.rmtree(words.out)
    unfinished.replace(words.out)
    print("\n".join(describe(document)))
    print(f"written to {words.out}")


def _check_ours(folder: Path) -> None:
    """Refuse to replace a folder that this command did not write."""
    try:
        schema = json.loads((folder / "metrics.json").read_text("utf-8"))["schema"]
    except (OSError, ValueError, KeyError, TypeError):
        schema = None
    if schema != "temporal-foley/report_004":
        raise OutputExistsError(f"{folder}: holds other things; choose another --out")


def describe(document: dict[str, Any]) -> list[str]:
    """Return the tables of a finished run, beside what the report printed of its own clips."""
    clips = document["clips"]["test"]
    lines = [
        "",
        f"{clips} test clips of {len(document['scenes'])} scenes; "
        "in brackets the report's figures for its own clips",
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
        lines += ["", f"{'conflict':<16}{'video':>7}{'audio':>7}   sent to, by video | by audio"]
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
        told = ", ".join(
            f"{c['scene']} {c['difference']:.2f}" for c in document["report_conflicts"]
        )
        lines.append(f"the report's tables, ranked alike: {told}")
        lines.append(f"of these it names {', '.join(printed.NAMED_CONFLICTS)}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
