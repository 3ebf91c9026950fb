"""The command `info`: print versions, devices, the model and its effects, sounds and licences."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from temporal_foley.cli.console import Console
from temporal_foley.cli.shared import LibraryFolder, ModelOptions

if TYPE_CHECKING:
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
        for line in (*_model(foley.detector), *_sounds(foley.vocabulary.names, foley.library)):
            console.print(line)


def _model(detector: "Detector") -> Iterator[str]:
    seen, blind = detector.seen_effects(), detector.blind_effects()
    yield f"Model {detector.name}, SHA-256 {detector.sha256[:16]}"
    for name in detector.vocabulary.names:
        yield f"  {name}: {seen.get(name) or blind.get(name)}"


def table(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield rows as lines with aligned columns: the first to the left, numbers to the right."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    numbers = [
        all(cell[:1].isdigit() or cell in ("", "-") for cell in column[1:])
        for column in zip(*texts, strict=True)
    ]
    for row in texts:
        cells = (
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numbers, strict=True)
        )
        yield "  " + "  ".join(cells).rstrip()


def _sounds(effects: tuple[str, ...], library: "Library") -> Iterator[str]:
    yield f"Sound library {library.name}, SHA-256 {library.sha256[:16]}"
    rows = [("effect", "takes", "from")]
    for name in effects:
        takes = library.takes(name)
        rows.append((name, str(len(takes)), ", ".join(sorted({t.asset.kind for t in takes}))))
    yield from table(rows)
    yield "Licences of sounds"
    for licence, credits in library.licences().items():
        yield f"  {licence}: {', '.join(credits) or 'no credit needed'}"
    yield "Licence of temporal-foley: Apache-2.0"
