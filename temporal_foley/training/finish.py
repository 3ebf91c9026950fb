"""Finish a run: draw its curves and write its bundle."""

from collections.abc import Mapping
from pathlib import Path

from temporal_foley.models.bundle.bundle import Bundle, save_bundle
from temporal_foley.training.log import draw_curves
from temporal_foley.training.loop import Run

CURVES = {
    "loss": ("loss", "frame_loss", "clip_loss"),
    "validation": (
        "validation/macro_roc_auc",
        "validation/any_effect_roc_auc",
        "validation/macro_average_precision",
    ),
    "norms": ("grad_norm", "param_norm"),
}


def finish_run(
    folder: Path,
    out: Path,
    bundle: Bundle,
    outcome: Run,
    *,
    overwrite: bool = False,
    before: Mapping[str, float] | None = None,
) -> str:
    """Draw `curves.png`, write the bundle, print the scores, and return the bundle's SHA-256.

    Args:
        folder: Of the run.
        out: Where the bundle goes.
        bundle: With the best state; `training_info` has its validation scores.
        outcome: Of the run.
        overwrite: Replace an earlier bundle.
        before: Scores before the first step, if they are of interest.
    """
    draw_curves(folder, CURVES, folder / "curves.png")
    sha256 = save_bundle(out, bundle, overwrite=overwrite)
    for name, score in outcome.scores.items():
        earlier = f"{before[name]:.4f} before, " if before else ""
        print(f"{name}: {earlier}{score:.4f}")
    # A run that was finished before makes no steps.
    pace = f"; {outcome.steps_per_s:.2g} steps per second" if outcome.steps_per_s else ""
    print(f"wrote {out} ({sha256[:12]}){pace}")
    return sha256
