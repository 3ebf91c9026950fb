"""Map publishers' classes to the effects of a vocabulary.

A name is looked up among the effects' own names, then in `class_names.toml`, then among the
VGGSound and AudioSet names that the vocabulary's records hold. With the AudioSet ontology a class
also counts for the effects that name something above it: an effect that names "Dog" gets clips of
"Bark", unless another effect names "Bark" itself.
"""

import dataclasses
import functools
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from data_pipeline.annotations.collect import merge_clips
from data_pipeline.annotations.ontology import Ontology
from data_pipeline.annotations.records import AnnotatedClip
from temporal_foley.effects import Vocabulary

_BESIDE_LETTERS = re.compile(r"[\s_,()/]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassNames:
    """The content of `class_names.toml`."""

    audioset: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Names in AudioSet, by set and by the publisher's class."""
    like: Mapping[str, str]
    before: Mapping[str, tuple[str, ...]]
    """Prefixes to remove from a name, by set."""
    not_below: frozenset[tuple[str, str]]
    """Pairs of a parent and a child, as keys."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassMap:
    """The effects of each class of each set: keys are (origin, publisher's class)."""

    effects: Mapping[tuple[str, str], tuple[str, ...]]
    """Without effects: a class that is known not to be one."""
    unmapped: frozenset[tuple[str, str]] = frozenset()
    """Unknown classes. They may be an effect under another name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mapped:
    """Clips whose events are named as effects, and counts of the publisher's events."""

    clips: tuple[AnnotatedClip, ...]
    class_map: ClassMap
    mapped: Mapping[str, int]
    """Events by effect."""
    other: Mapping[str, int]
    """Events by publisher's class, of classes that are not an effect."""
    unmapped: Mapping[str, int]
    """Events by publisher's class, of unknown classes."""


def name_key(name: str) -> str:
    """Return one key for the spellings of a name: `Violin_fiddle` and `Violin, fiddle`."""
    return _BESIDE_LETTERS.sub(" ", name.casefold()).strip()


def map_clips(
    clips: Iterable[AnnotatedClip], vocabulary: Vocabulary, ontology: Ontology | None = None
) -> Mapped:
    """Name the events of clips as effects; remove and count other events.

    Every clip stays. A clip left without events is a negative if its classes are known not to be
    effects; if they are unmapped, check them first.
    """
    clips = tuple(clips)
    classes = {(clip.origin, event.name) for clip in clips for event in clip.events}
    class_map = map_classes(classes, vocabulary, ontology)
    mapped: Counter[str] = Counter()
    other: Counter[str] = Counter()
    unmapped: Counter[str] = Counter()
    renamed = []
    for clip in clips:
        events = []
        for event in clip.events:
            key = (clip.origin, event.name)
            effects = class_map.effects.get(key, ())
            mapped.update(effects)
            if not effects:
                (unmapped if key in class_map.unmapped else other)[event.name] += 1
            events += [dataclasses.replace(event, name=effect) for effect in effects]
        renamed.append(dataclasses.replace(clip, events=tuple(dict.fromkeys(events))))
    return Mapped(
        clips=merge_clips(renamed),
        class_map=class_map,
        mapped=mapped,
        other=other,
        unmapped=unmapped,
    )


def map_classes(
    classes: Iterable[tuple[str, str]], vocabulary: Vocabulary, ontology: Ontology | None = None
) -> ClassMap:
    """Find the effects of classes, each given as its set and its name there."""
    own = {name_key(effect.name): (effect.name,) for effect in vocabulary.effects}
    named = _named(vocabulary)
    parents = _parents(ontology)
    effects: dict[tuple[str, str], tuple[str, ...]] = {}
    unmapped: set[tuple[str, str]] = set()
    for origin, name in sorted(set(classes)):
        key = name_key(name)
        if key in own:
            effects[origin, name] = own[key]
            continue
        known_as = _known_as(origin, name, parents)
        keys = [key] if known_as is None else [name_key(other) for other in known_as]
        found = {effect for k in keys for effect in _climb(k, named, parents)}
        effects[origin, name] = tuple(n for n in vocabulary.names if n in found)
        # A name of the ontology is known, even if it has no effect.
        if not found and known_as is None and key not in parents:
            unmapped.add((origin, name))
    return ClassMap(effects=effects, unmapped=frozenset(unmapped))


def _known_as(origin: str, name: str, parents: Mapping[str, object]) -> tuple[str, ...] | None:
    """Return AudioSet's names for a class of a set, or None if `class_names.toml` has none."""
    names = load_class_names()
    origin = names.like.get(origin, origin)
    known = names.audioset.get(origin, {}).get(name_key(name))
    if known is not None:
        return known
    for before in names.before.get(origin, ()):
        thing = name.removeprefix(before)
        if thing != name and name_key(thing) in parents:
            return (thing,)
    return None


@functools.cache
def load_class_names() -> ClassNames:
    """Load `class_names.toml`."""
    text = (resources.files("data_pipeline.annotations") / "class_names.toml").read_text("utf-8")
    document: dict[str, Any] = tomllib.loads(text)
    return ClassNames(
        audioset={
            origin: {name_key(name): tuple(audioset) for name, audioset in classes.items()}
            for origin, classes in document["classes"].items()
        },
        like=document["like"],
        before={origin: tuple(words) for origin, words in document["before"].items()},
        not_below=frozenset(
            (name_key(parent), name_key(child))
            for parent, children in document["not_below"].items()
            for child in children
        ),
    )


def _named(vocabulary: Vocabulary) -> dict[str, set[str]]:
    """Return the effects whose records contain a name, by its key."""
    named: dict[str, set[str]] = {}
    for effect in vocabulary.effects:
        for name in (*effect.audioset, *effect.vggsound):
            named.setdefault(name_key(name), set()).add(effect.name)
    return named


def _parents(ontology: Ontology | None) -> dict[str, tuple[str, ...]]:
    """Return the keys directly above each name of the ontology."""
    if ontology is None:
        return {}
    return {
        name_key(name): tuple(name_key(parent) for parent in ontology.parents.get(name, ()))
        for name in ontology.names.values()
    }


def _climb(
    key: str, named: Mapping[str, set[str]], parents: Mapping[str, tuple[str, ...]]
) -> set[str]:
    """Return the effects that name a class, or else those that name the nearest above it."""
    if key in named:
        return named[key]
    not_below = load_class_names().not_below
    return {
        effect
        for parent in parents.get(key, ())
        if (parent, key) not in not_below
        for effect in _climb(parent, named, parents)
    }
