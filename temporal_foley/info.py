"""What `info` prints: versions, devices, the model, what it can and cannot see, licences."""

from collections.abc import Iterator
from pathlib import Path

from temporal_foley.effects import Vocabulary, load_vocabulary
from temporal_foley.models.image.releases import find_release
from temporal_foley.models.imagenet_classes import class_weights, describe_rules
from temporal_foley.sound.library import Library, load_library
from temporal_foley.versions import devices, versions


def info_lines(vocabulary: str, backbone: str, library: Path | None) -> Iterator[str]:
    """Yield the lines of `info`. No model is loaded for it."""
    words, sounds = load_vocabulary(vocabulary), load_library(library)
    yield "Versions"
    yield from (f"  {name} {version}" for name, version in versions().items())
    yield "Devices"
    yield from (f"  {device}" for device in devices())
    yield from _model_lines(words, backbone)
    yield from _library_lines(words, sounds)


def _model_lines(vocabulary: Vocabulary, backbone: str) -> Iterator[str]:
    weights = class_weights(vocabulary)
    seen = [effect for i, effect in enumerate(vocabulary.effects) if weights[:, i].any()]
    blind = [effect for i, effect in enumerate(vocabulary.effects) if not weights[:, i].any()]
    yield "Model"
    yield f"  ImageNet map over {find_release(backbone)}"
    yield "  Single pictures, not yet a trained temporal model; it does not listen."
    yield f"Vocabulary {vocabulary.name}: {len(vocabulary)} effects"
    yield f"  can be seen ({len(seen)}), through these ImageNet classes:"
    yield from (f"    {effect.name}: {describe_rules(effect)}" for effect in seen)
    yield f"  cannot be seen ({len(blind)}): no ImageNet class shows them"
    yield from (f"    {effect.name}" for effect in blind)


def _library_lines(vocabulary: Vocabulary, library: Library) -> Iterator[str]:
    yield f"Sound library {library.name}, SHA-256 {library.sha256[:16]}"
    for name in vocabulary.names:
        takes = library.takes(name)
        kinds = sorted({take.asset.kind for take in takes})
        yield f"  {name}: {len(takes)} takes ({', '.join(kinds) or 'silent'})"
    yield "Licences of sounds"
    for licence, credits in library.licences().items():
        yield f"  {licence}: {', '.join(credits) or 'no credit asked for'}"
    yield "Licence of temporal-foley: Apache-2.0"
