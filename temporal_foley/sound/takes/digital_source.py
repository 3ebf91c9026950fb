"""Name where sounds come from, in our words and in those of the IPTC.

The terms are those of the NewsCodes "Digital Source Type", which C2PA and photo metadata use:
http://cv.iptc.org/newscodes/digitalsourcetype/
"""

import re
from collections.abc import Iterable
from typing import get_args

from temporal_foley.errors import nearest, plain_name
from temporal_foley.files.records import RecordError
from temporal_foley.timeline import DigitalSource

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCES: tuple[DigitalSource, ...] = get_args(DigitalSource)
TERMS: dict[DigitalSource, str] = {
    "recorded": "digitalCapture",
    "synthesised": "algorithmicMedia",
    "generated": "trainedAlgorithmicMedia",
    "composite": "composite",
}
_COMPOSITE_CAPTURE, _COMPOSITE_SYNTHETIC = "compositeCapture", "compositeSynthetic"
"""A mix of recordings only; a mix in which at least one part is generated."""
_OTHER_TERMS: dict[str, DigitalSource] = {
    "computationalCapture": "recorded",
    "negativeFilm": "recorded",
    "positiveFilm": "recorded",
    "screenCapture": "recorded",
    "virtualRecording": "recorded",
    "algorithmicallyEnhanced": "recorded",
    "humanEdits": "recorded",
    "minorHumanEdits": "recorded",
    "dataDrivenMedia": "synthesised",
    "digitalArt": "synthesised",
    "digitalCreation": "synthesised",
    _COMPOSITE_CAPTURE: "composite",
    _COMPOSITE_SYNTHETIC: "generated",
    "compositeWithTrainedAlgorithmicMedia": "generated",
}
"""Further terms of the IPTC; what a model has a part in counts as generated."""
_ALIASES: dict[str, DigitalSource] = {
    "ai": "generated",
    "field_recording": "recorded",
    "recording": "recorded",
    "synth": "synthesised",
    "synthesized": "synthesised",
    "synthetic": "synthesised",
}
_KNOWN: dict[str, DigitalSource] = {
    **{name: name for name in SOURCES},
    **_ALIASES,
    **{term.lower(): source for source, term in TERMS.items()},
    **{term.lower(): source for term, source in _OTHER_TERMS.items()},
}
_IN_FILE = re.compile(rb"newscodes/digitalsourcetype/(\w{1,60})")


def read_digital_source(text: str, field: str = "digital_source") -> DigitalSource | None:
    """Read where a sound comes from, in our words or as a term of the IPTC; None if empty.

    Raises:
        RecordError: The word is not known; it names the one that was probably meant.

    Examples:
        >>> read_digital_source("trainedAlgorithmicMedia")
        'generated'
    """
    name = plain_name(text.strip().rpartition("/")[2])
    if not name:
        return None
    if name in _KNOWN:
        return _KNOWN[name]
    near = nearest(name, _KNOWN)
    meant = f"did you mean {_KNOWN[near]}?" if near else f"known are {', '.join(SOURCES)}"
    raise RecordError(field, f"{text!r:.60} is not known; {meant}")


def found_in_metadata(metadata: bytes) -> DigitalSource | None:
    """Return what the metadata of a file (XMP, C2PA) says of its source; None if nothing.

    Of several terms, one that involves a model counts.
    """
    terms = {found.decode().lower() for found in _IN_FILE.findall(metadata)}
    sources = {_KNOWN[term] for term in terms if term in _KNOWN}
    for source in ("generated", "composite", "synthesised", "recorded"):
        if source in sources:
            return source
    return None


def term_of_all(sources: Iterable[DigitalSource | None], *, has_original: bool) -> str:
    """Return the term of the IPTC for a mix of sounds, and of the video's own sound if it has one.

    Nothing is known of the origin of a video's own sound: with it, a mix is composite.
    """
    found: set[DigitalSource] = {source or "recorded" for source in sources}
    if "generated" in found and (has_original or len(found) > 1):
        return _COMPOSITE_SYNTHETIC
    if has_original or len(found) != 1:
        return TERMS["composite"]
    return _COMPOSITE_CAPTURE if found == {"recorded"} else TERMS[found.pop()]
