"""What `info` prints: versions, devices, the model, what it can and cannot see, licences."""

from collections.abc import Iterator

from temporal_foley.files.versions import devices, versions
from temporal_foley.foley import Foley
from temporal_foley.models.detector import Detector
from temporal_foley.sound.takes.library import Library


def info_lines(foley: Foley) -> Iterator[str]:
    """Yield the lines of `info`; no network is loaded for it."""
    yield "Versions"
    yield from (f"  {name} {version}" for name, version in versions().items())
    yield "Devices"
    yield from (f"  {device}" for device in devices())
    yield from _model_lines(foley.detector)
    yield from _library_lines(foley.vocabulary.names, foley.library)


def _model_lines(detector: Detector) -> Iterator[str]:
    seen, blind = detector.seen_effects(), detector.blind_effects()
    yield f"Model {detector.name}, SHA-256 {detector.sha256[:16]}"
    if detector.listens:
        yield "  a trained bundle: it looks at pictures and listens to the video's own sound"
    elif detector.decision is not None or detector.frame_rate is not None:
        yield "  a trained bundle: it looks at pictures and does not listen"
    else:
        yield "  a map from ImageNet classes: it judges single pictures and does not listen"
    yield f"Vocabulary {detector.vocabulary.name}: {len(detector.vocabulary)} effects"
    yield f"  can be seen ({len(seen)}), and what stands behind each:"
    yield from (f"    {name}: {reason}" for name, reason in seen.items())
    yield f"  cannot be seen ({len(blind)}), so that they are never laid up:"
    yield from (f"    {name}: {reason}" for name, reason in blind.items())


def _library_lines(effects: tuple[str, ...], library: Library) -> Iterator[str]:
    yield f"Sound library {library.name}, SHA-256 {library.sha256[:16]}"
    for name in effects:
        takes = library.takes(name)
        kinds = ", ".join(sorted({take.asset.kind for take in takes}))
        yield f"  {name}: {len(takes)} takes ({kinds})" if takes else f"  {name}: no take"
    yield "Licences of sounds"
    for licence, credits in library.licences().items():
        yield f"  {licence}: {', '.join(credits) or 'no credit asked for'}"
    yield "Licence of temporal-foley: Apache-2.0"
