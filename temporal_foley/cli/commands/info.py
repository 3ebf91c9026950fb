"""The command `info`: print versions, devices, the model and its effects, sounds and licences."""

import dataclasses
import textwrap
from typing import TYPE_CHECKING

from temporal_foley.cli.console import Console
from temporal_foley.cli.shared import LibraryFolder, ModelOptions

if TYPE_CHECKING:
    from temporal_foley.effects import Vocabulary
    from temporal_foley.models.combined_detector import CombinedDetector
    from temporal_foley.models.detector import Detector
    from temporal_foley.sound.takes.library import Library


@dataclasses.dataclass(frozen=True, kw_only=True)
class Info(ModelOptions):
    """Show versions, devices, the model, its effects, the sounds, and the licences."""

    library: LibraryFolder = None
    """A sound library of your own."""

    def run(self, console: Console) -> None:
        """Print everything; no network is loaded."""
        from temporal_foley.files.versions import devices, versions

        foley = self.load(self.library)
        console.print("Versions")
        for name, version in versions().items():
            console.print(f"  {name} {version}")
        console.print("Devices")
        for device in devices():
            console.print(f"  {device}")
        self._print_model(foley.detector, console)
        _print_sounds(foley.vocabulary.names, foley.library, console)

    def _print_model(self, detector: "Detector", console: Console) -> None:
        from temporal_foley.models.bundle_detector import BundleDetector
        from temporal_foley.models.combined_detector import CombinedDetector

        vocabulary = detector.vocabulary
        senses = "pictures and the video's own sound" if detector.listens else "pictures"
        console.print(f"Model {detector.name}, SHA-256 {detector.sha256[:16]}, detects by {senses}")
        console.print(f"Vocabulary {vocabulary.name}: {len(vocabulary)} effects")
        if isinstance(detector, BundleDetector):
            self._print_training(vocabulary, console)
            return
        if isinstance(detector, CombinedDetector):
            _print_basis(detector, console)
            return
        classes = detector.seen_effects()
        rows = [("effect", "kind", "ImageNet classes")]
        for effect in vocabulary.effects:
            text = textwrap.shorten(classes.get(effect.name, "-"), 64, placeholder=" ...")
            rows.append((effect.name, effect.kind, text))
        console.table(rows)
        if blind := [name for name in vocabulary.names if name not in classes]:
            console.print(f"  without an ImageNet class, so never detected: {', '.join(blind)}")

    def _print_training(self, vocabulary: "Vocabulary", console: Console) -> None:
        """Print what a bundle learned each effect from, and how well it detects it."""
        from temporal_foley.models.bundle.bundle_files import open_bundle
        from temporal_foley.models.bundle.effect_summary import summarise_effects
        from temporal_foley.models.by_name import bundle_folder

        folder = bundle_folder(self.model or "")
        effects = summarise_effects(folder, open_bundle(folder).training_info, vocabulary.names)
        rows: list[tuple[object, ...]] = [
            ("effect", "kind", "pictures", "sounds", "clips", "ROC-AUC")
        ]
        for name, effect in effects.items():
            score = "-" if effect.roc_auc is None else f"{effect.roc_auc:.3f}"
            counts = (effect.pictures, effect.sounds, effect.clips)
            counts = ("-" if count is None else count for count in counts)
            rows.append((name, vocabulary[name].kind, *counts, score))
        console.table(rows)
        console.print(
            "  examples in training (clips: real and composed); ROC-AUC on held-out pictures"
        )
        console.print("  of the same collections, where there are any; real videos are harder")
        if unseen := [name for name, effect in effects.items() if effect.pictures == 0]:
            console.print(f"  without training pictures: {', '.join(unseen)}")


def _print_basis(detector: "CombinedDetector", console: Console) -> None:
    """Print what the detection of each effect rests on."""
    basis = detector.seen_effects()
    rows = [("effect", "kind", "detected by")]
    for effect in detector.vocabulary.effects:
        text = textwrap.shorten(basis[effect.name], 72, placeholder=" ...")
        rows.append((effect.name, effect.kind, text))
    console.table(rows)
    console.print("  cannot be seen, so added only when detected in the sound:")
    for line in textwrap.wrap(", ".join(detector.blind_effects()), 92):
        console.print(f"    {line}")
    for refusal in detector.vocabulary.refused:
        console.print(f"  recognised and refused: {refusal.name}")


def _print_sounds(effects: tuple[str, ...], library: "Library", console: Console) -> None:
    console.print(f"Sound library {library.name}, SHA-256 {library.sha256[:16]}")
    rows = [("effect", "takes", "from")]
    for name in effects:
        takes = library.takes(name)
        kinds = ", ".join(sorted({t.asset.kind for t in takes})) or "none: add recordings"
        rows.append((name, str(len(takes)), kinds))
    console.table(rows)
    console.print("Licences of sounds")
    for licence, credits in library.licences().items():
        console.print(f"  {licence}: {', '.join(credits) or 'no credit needed'}")
    console.print("Licence of temporal-foley: Apache-2.0")
