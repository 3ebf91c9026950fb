"""List AudioSet's 527 classes in the order of the audio network's logits.

The table `audioset_labels.tsv` is `class_labels_indices.csv` of AudioSet (Gemmeke et al., "Audio
Set: An ontology and human-labeled dataset for audio events", ICASSP 2017), (c) Google, CC-BY 4.0.
"""

import functools
from collections.abc import Iterable
from importlib import resources
from typing import NamedTuple

from temporal_foley.errors import VocabularyError


class AudioSetClass(NamedTuple):
    """One class: its identifier in the ontology, `/m/0bt9lr`, and its display name, `Dog`."""

    identifier: str
    name: str


@functools.cache
def audioset_classes() -> tuple[AudioSetClass, ...]:
    """Read the table that ships with the package."""
    table = resources.files("temporal_foley.models.audio") / "audioset_labels.tsv"
    lines = table.read_text("utf-8").splitlines()
    return tuple(AudioSetClass(*line.split("\t")) for line in lines if not line.startswith("#"))


@functools.cache
def _places() -> dict[str, int]:
    return {item.name: place for place, item in enumerate(audioset_classes())}


def class_places(names: Iterable[str]) -> list[int]:
    """Return the places of classes in the logits by their display names."""
    places = []
    for name in names:
        if name not in _places():
            near = [known for known in _places() if name.lower() in known.lower()]
            hint = f"; near it are {', '.join(near[:5])}" if near else ""
            raise VocabularyError(f"{name!r} is not a class name of AudioSet{hint}")
        places.append(_places()[name])
    return places
