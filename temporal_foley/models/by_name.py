"""Load a detector by name: a shipped bundle, one of the user's, `everyday` or `imagenet`."""

from pathlib import Path

from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary
from temporal_foley.errors import UsageError
from temporal_foley.models.detector import Detector
from temporal_foley.models.image.backbone import DEFAULT_BACKBONE

IMAGENET = "imagenet"
EVERYDAY = "everyday"
"""The shipped bundle with a hundred further effects, which are detected without training."""
SHIPPED = Path(__file__).parents[1] / "bundles"
BEST = "foley20"
"""The bundle that is used where no model is named."""


def shipped_models() -> tuple[str, ...]:
    """Return the names of the bundles in the package."""
    if not SHIPPED.is_dir():
        return ()
    return tuple(sorted(p.name for p in SHIPPED.iterdir() if (p / "manifest.json").is_file()))


def load_detector(
    model: str,
    *,
    vocabulary: str | None = None,
    backbone: str | None = None,
    weights: Path | None = None,
) -> Detector:
    """Load a detector by the name of its model.

    Without a name it is the shipped bundle; but with a vocabulary or a backbone of the user's
    choice, which a bundle cannot take, it is `imagenet`, and with the vocabulary `everyday` the
    model of that name.

    Raises:
        UsageError: There is no model of that name, or the words do not go together.
        BundleError: The bundle is not whole.
        VocabularyError: The vocabulary cannot be read.
    """
    if not model and vocabulary == EVERYDAY and not backbone:
        model, vocabulary = EVERYDAY, None
    if not model:
        model = IMAGENET if vocabulary or backbone or BEST not in shipped_models() else BEST
    if model == IMAGENET:
        from temporal_foley.models.imagenet_detector import load_imagenet_detector

        return load_imagenet_detector(
            load_vocabulary(vocabulary or DEFAULT_VOCABULARY),
            backbone=backbone or DEFAULT_BACKBONE,
            weights=weights,
        )
    for name, value in (("vocabulary", vocabulary), ("backbone", backbone)):
        if value:
            raise UsageError(
                f"the model {model} has its own",
                option=f"--{name}",
                remedy=f"use --model {IMAGENET}",
            )
    if model == EVERYDAY:
        from temporal_foley.models.combined_detector import load_combined_detector

        return load_combined_detector(load_vocabulary(EVERYDAY), bundle_folder(""), weights=weights)
    from temporal_foley.models.bundle_detector import load_bundle_detector

    return load_bundle_detector(bundle_folder(model), weights=weights)


def bundle_folder(model: str) -> Path:
    """Return the folder of a bundle by its name or folder; without a name, of the shipped one.

    Raises:
        UsageError: There is none.
    """
    if model in (IMAGENET, EVERYDAY) or (not model and BEST not in shipped_models()):
        raise UsageError(f"give a trained bundle, not {model or IMAGENET}", option="--model")
    model = model or BEST
    folder = SHIPPED / model if model in shipped_models() else Path(model)
    if not folder.is_dir():
        raise UsageError.unknown(
            "model", model, (*shipped_models(), EVERYDAY, IMAGENET), option="--model"
        )
    return folder
