"""The name of a model in, the spotter out: a shipped bundle, one of the user's, or `imagenet`."""

from pathlib import Path

from temporal_foley.effects import DEFAULT_VOCABULARY, load_vocabulary
from temporal_foley.errors import UsageError
from temporal_foley.models.image.backbone import DEFAULT_BACKBONE
from temporal_foley.models.spotter import Spotter

IMAGENET = "imagenet"
SHIPPED = Path(__file__).parents[1] / "bundles"
BEST = "foley20"
"""The bundle that is used where no model is named."""


def shipped_models() -> tuple[str, ...]:
    """Return the names of the bundles that came with the package."""
    if not SHIPPED.is_dir():
        return ()
    return tuple(sorted(p.name for p in SHIPPED.iterdir() if (p / "manifest.json").is_file()))


def load_spotter(
    model: str,
    *,
    vocabulary: str | None = None,
    backbone: str | None = None,
    weights: Path | None = None,
) -> Spotter:
    """Load a spotter by the name of its model.

    Without a name it is the shipped bundle; but with a vocabulary or a backbone of the user's
    choice, which a bundle cannot take, it is `imagenet`.

    Raises:
        UsageError: There is no model of that name, or the words do not go together.
        BundleError: The bundle is not whole.
        VocabularyError: The vocabulary cannot be read.
    """
    if not model:
        model = IMAGENET if vocabulary or backbone or BEST not in shipped_models() else BEST
    if model == IMAGENET:
        from temporal_foley.models.imagenet_spotter import load_imagenet_spotter

        return load_imagenet_spotter(
            load_vocabulary(vocabulary or DEFAULT_VOCABULARY),
            backbone=backbone or DEFAULT_BACKBONE,
            weights=weights,
        )
    for name, value in (("vocabulary", vocabulary), ("backbone", backbone)):
        if value:
            raise UsageError(f"--{name}: the model {model} has its own; use --model {IMAGENET}")
    from temporal_foley.models.bundle_spotter import load_bundle_spotter

    return load_bundle_spotter(bundle_folder(model), weights=weights)


def bundle_folder(model: str) -> Path:
    """Return the folder of a bundle by its name or folder; without a name, of the shipped one.

    Raises:
        UsageError: There is none.
    """
    if model == IMAGENET or (not model and BEST not in shipped_models()):
        raise UsageError(f"--model: give a trained bundle, not {IMAGENET}")
    model = model or BEST
    folder = SHIPPED / model if model in shipped_models() else Path(model)
    if not folder.is_dir():
        known = ", ".join((*shipped_models(), IMAGENET))
        raise UsageError(f"--model: {model} is no folder, and none of {known}")
    return folder
