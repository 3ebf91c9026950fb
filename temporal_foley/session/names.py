"""Make names that every editor, format and file system accepts."""

import re
import unicodedata
from collections.abc import Iterable

from temporal_foley.sound.synth import SEEDS_A_FILM
from temporal_foley.timeline import Asset, Timeline

FORMATS = {
    "stems": "stems",
    "otio": ".otio",
    "otioz": ".otioz",
    "reaper": ".rpp",
    "aaf": ".aaf",
    "dawproject": ".dawproject",
    "fcp7": ".xml",
    "fcpxml": ".fcpxml",
    "edl": "edl",
    "after_effects": ".jsx",
    "markers": ".markers.edl",
    "pro_tools_markers": ".markers.txt",
    "audacity": ".labels.txt",
    "csv": ".csv",
    "vtt": ".vtt",
    "html": ".spotting.html",
    "foley": ".foley.csv",
    "departments": ".departments.csv",
}
"""The formats of an export, and how their files end."""
FOLDERS = ("stems", "edl")
"""Formats that are a folder of files."""
LONGEST_NAME = 80
LONGEST_TEXT = 500
_MOST_FILE_BYTES = 160
"""Most bytes of a file's name without its suffix: file systems allow 255, archives add a folder."""
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
"""Invisible, but some scripts and emoji need them."""


def take_number(asset: Asset) -> int:
    """Return the number of a recipe's take among those of its film, as reasons count it."""
    return (asset.seed or 0) % SEEDS_A_FILM + 1


def clean_name(text: str, instead: str = "untitled") -> str:
    """Return a name on one line, composed (NFC), without control and direction characters.

    It has at most 80 characters. `instead` is returned if nothing is left of the text.
    """
    kept = "".join(letter for letter in _BREAKS.sub(" ", text) if _may_stay(letter))
    # Breaks that are now beside each other become one space.
    kept = _BREAKS.sub(" ", kept)
    # REAPER quotes with whichever of three marks is not in a name, so one of them never is.
    kept = unicodedata.normalize("NFC", kept).replace("`", "'")
    return kept.strip()[:LONGEST_NAME].strip() or instead


def clean_text(text: str) -> str:
    """Return a longer text, such as a reason, on one line; it may be empty.

    It has at most 500 characters: some editors cut longer lines.
    """
    kept = "".join(letter for letter in _BREAKS.sub(" ", text) if _may_stay(letter))
    return unicodedata.normalize("NFC", kept).strip()[:LONGEST_TEXT].strip()


def file_name(text: str, instead: str = "untitled") -> str:
    """Return a clean name, without a suffix, that every common file system accepts."""
    name = _FORBIDDEN.sub("-", clean_name(text, instead)).strip(". ")
    if _DEVICES.fullmatch(name) or name.startswith("-"):
        name = f"_{name}"
    name = name.encode()[:_MOST_FILE_BYTES].decode("utf-8", "ignore").strip(". ")
    return name or instead


def unique_names(texts: Iterable[str]) -> list[str]:
    """Return clean names in the given order, distinct even without regard to case."""
    taken: set[str] = set()
    names: list[str] = []
    counts: dict[str, int] = {}
    for text in texts:
        name = base = clean_name(text)
        while name.casefold() in taken:
            number = counts[base] = counts.get(base, 1) + 1
            tail = f" ({number})"
            name = base[: LONGEST_NAME - len(tail)] + tail
        taken.add(name.casefold())
        names.append(name)
    return names


def cue_names(timeline: Timeline) -> dict[str, str]:
    """Return the name of each cue in every editor, by the cue's id."""
    ids = [cue.id for track in timeline.tracks for cue in track.cues]
    return dict(zip(ids, unique_names(ids), strict=True))


def title_of(effect: str) -> str:
    """Return an effect's name for display."""
    return clean_name(effect.replace("_", " "))


def ucs_name(category: str, effect: str, what: str, source: str) -> str:
    """Return a file name of the Universal Category System: CatID_FXName_CreatorID_SourceID.

    Underscores separate the fields, so they are replaced inside them; an empty CatID is left out.
    """
    fields = [category, f"{title_of(effect)} {what}".strip(), "TFOLEY", source]
    return file_name("_".join(clean_name(field.replace("_", " ")) for field in fields if field))


def export_name(base: str, format_name: str) -> str:
    """Return the name of an exported file."""
    return FORMATS[format_name] if format_name in FOLDERS else base + FORMATS[format_name]


def _may_stay(letter: str) -> bool:
    code = ord(letter)
    if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:  # Unicode's noncharacters
        return False
    category = unicodedata.category(letter)
    return letter in _JOINERS or category not in ("Cc", "Cf", "Cs", "Zl", "Zp")
