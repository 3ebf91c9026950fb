"""Normalise the names of licences and decide which are allowed.

Names are those of the SPDX list where it has one (CC0-1.0, CC-BY-4.0, MIT).
"""

import re

from temporal_foley.errors import one_line

UNKNOWN = "unknown"
_LONGEST = 120

# The families by which licences are allowed, and their spellings. The first match counts.
_FAMILIES = (
    ("cc-by-nc-nd", r"by[ -]*nc[ -]*nd|attribution[ -]*non[ -]?commercial[ -]*no[ -]?deriv\w*"),
    ("cc-by-nc-sa", r"by[ -]*nc[ -]*sa|attribution[ -]*non[ -]?commercial[ -]*share[ -]?alike"),
    ("cc-by-nc", r"by[ -]*nc\b|attribution[ -]*non[ -]?commercial|\bnon[ -]?commercial"),
    ("cc-by-nd", r"by[ -]*nd\b|attribution[ -]*no[ -]?deriv\w*"),
    ("cc-by-sa", r"by[ -]*sa\b|attribution[ -]*share[ -]?alike"),
    (
        "cc0",
        r"\bcc[ -]*0\b|\bcc[ -]*zero\b|creative commons zero|publicdomain/zero"
        r"|public domain dedication",
    ),
    ("cc-by", r"\bcc[ -]*by\b|licenses/by\b|creative commons[ -]*attribution|^attribution\b"),
    ("sampling+", r"sampling *\+|sampling plus"),
    ("public-domain", r"public[ -]*domain"),
    ("lgpl", r"\blgpl|lesser general public"),
    ("agpl", r"\bagpl|affero general public"),
    ("gpl", r"\bgpl|gnu general public"),
    ("mpl", r"\bmpl\b|mozilla public"),
    ("free-art", r"free art licen|licence art libre|\blal\b"),
    ("artistic", r"\bartistic\b"),
    ("apache", r"\bapache\b"),
    ("mit", r"\bmit\b|\bexpat\b"),
    ("bsd", r"\bbsd\b"),
    ("odbl", r"\bodbl\b"),
)
_NAMES = {
    **{"cc0": "CC0-1.0", "public-domain": "public domain", "mit": "MIT", "bsd": "BSD"},
    **{"sampling+": "CC-Sampling+", "free-art": "LAL", "artistic": "Artistic", "odbl": "ODbL"},
}
FAMILIES = (*(family for family, _ in _FAMILIES), UNKNOWN)


def plain_licence(text: str) -> str:
    """Return the normalised name of a licence (`CC BY 3.0` is `CC-BY-3.0`), or the text itself.

    A text with a choice ("CC0 or CC-BY 3.0") gives all of them, joined by OR.
    """
    text = one_line(re.sub(r"[*\[\]`_]", " ", text))
    names = [_one_name(part) for part in re.split(r"\bor\b|\band\b|/ |, ", text, flags=re.I)]
    known = list(dict.fromkeys(name for name in names if name))
    if known:
        return " OR ".join(known)
    return re.sub(r"\s+", " ", text)[:_LONGEST].strip() or UNKNOWN


def licence_in_text(text: str) -> str | None:
    """Return the licence named at the beginning of a licence text, or None."""
    head = one_line(re.sub(r"\s+", " ", text[:600]))
    # The text of a licence names it once; a list of licences names none.
    name = _one_name(head)
    return name or None


def licence_families(licence: str) -> frozenset[str]:
    """Return the families that a licence may belong to, or `unknown`."""
    families = set()
    for part in licence.split(" OR "):
        families.add(_family(part) or UNKNOWN)
    return frozenset(families)


def is_allowed(licence: str, allowed: frozenset[str]) -> bool:
    """Return whether all families of a licence are allowed; an empty set allows everything.

    Licences without attribution (cc0, public-domain) are allowed wherever cc-by is.
    """
    if not allowed:
        return True
    freer = {"cc0", "public-domain"} if "cc-by" in allowed else set()
    return licence_families(licence) <= allowed | freer


def licence_address(licence: str) -> str | None:
    """Return the address of the text of a Creative Commons licence; None for others."""
    if licence == "CC0-1.0":
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    match = re.fullmatch(r"CC-(BY(?:-[A-Z]{2})*)-(\d\.\d)", licence)
    if match is None:
        return None
    return f"https://creativecommons.org/licenses/{match[1].lower()}/{match[2]}/"


def _family(text: str) -> str | None:
    lower = text.lower()
    for family, pattern in _FAMILIES:
        if re.search(pattern, lower):
            return family
    return None


def _one_name(text: str) -> str:
    family = _family(text)
    if family is None:
        return ""
    if family in _NAMES:
        return _NAMES[family]
    version = re.search(r"(?<![\d.])([1-5](?:\.\d)?)(?![\d])(\+?)", text)
    name = family.upper()
    if version is None:
        return name
    number = version[1] if "." in version[1] else f"{version[1]}.0"
    return f"{name}-{number}"
