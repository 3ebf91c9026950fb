"""Write `credits.txt`, and check the licences of a timeline."""

from collections import defaultdict
from pathlib import Path

from temporal_foley.errors import LibraryError
from temporal_foley.sound.takes.licences import UNKNOWN, is_allowed, licence_address
from temporal_foley.timeline import Cue, Timeline, without_rejected

CREDITS_NAME = "credits.txt"


def write_credits(timeline: Timeline, path: Path) -> None:
    """Write the credits of all takes in use."""
    path.write_bytes(credits_text(timeline).encode("utf-8", "replace"))


def credits_text(timeline: Timeline) -> str:
    """Return the takes in use by licence, each with its author, effects and digital source.

    It contains what attribution requires: title, author, licence, and that takes were changed
    (Creative Commons, "Recommended practices for attribution").
    """
    cues = without_rejected(timeline).cues
    if not cues:
        return "No sounds of a library are heard.\n"
    lines = [f"Sounds laid up for {timeline.source.name}, cut, levelled and mixed.", ""]
    for licence in sorted({cue.licence for cue in cues}):
        address = licence_address(licence)
        lines.append(f"{licence} ({address})" if address else licence)
        if licence == UNKNOWN:
            lines[-1] = "Under a licence that nobody stated: ask before you publish"
        takes: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for cue in cues:
            if cue.licence == licence:
                source = cue.asset.digital_source or "recorded"
                takes[_take_name(cue), cue.credit, source].add(cue.effect)
        for (name, credit, source), effects in sorted(takes.items()):
            by = f" by {credit}" if credit else ""
            lines.append(f"  {name}{by} ({', '.join(sorted(effects))}; {source})")
        lines.append("")
    return "\n".join(lines)


def check_licences(timeline: Timeline, allowed: frozenset[str]) -> None:
    """Check that every take in use is under an allowed licence.

    Raises:
        LibraryError: A take is not; the text names the cue.
    """
    for cue in without_rejected(timeline).cues:
        if cue.asset.kind == "file" and not is_allowed(cue.licence, allowed):
            raise LibraryError(
                f"cue {cue.id}: {cue.asset.name} is under {cue.licence}, which --allow leaves "
                "out; swap or reject it, or run generate with --allow"
            )


def _take_name(cue: Cue) -> str:
    return cue.asset.name if cue.asset.kind == "file" else f"built-in {cue.asset.name}"
