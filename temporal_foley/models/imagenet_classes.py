"""Turn the ImageNet rules of a vocabulary into weights of ImageNet's classes.

The table `imagenet_classes.tsv` is made from WordNet 3.0 (Princeton University; licence at its
head) by `scripts/make_imagenet_classes.py`.
"""

import dataclasses
import functools
from importlib import resources

import numpy as np
from jaxtyping import Float

from temporal_foley.effects import Effect, Vocabulary
from temporal_foley.errors import VocabularyError

CLASSES = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassTree:
    """Names and classes of every synset that is an ImageNet class or a hypernym of one."""

    names: dict[str, str]
    """First name of each synset, `n02084071` -> `dog`."""
    classes: dict[str, tuple[int, ...]]
    """Indices in the network's output of the classes at or below each synset."""
    lemmas: dict[str, tuple[str, ...]]
    """All names of each synset."""
    synsets: tuple[str, ...]
    """The synset of each index in the network's output."""


@functools.cache
def load_class_tree() -> ClassTree:
    """Read the table that ships with the package."""
    text = (resources.files("temporal_foley.models") / "imagenet_classes.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]
    parents = {synset: above.split() for _, synset, _, above in rows}
    below: dict[str, set[int]] = {synset: set() for synset in parents}
    for index, synset, _, _ in rows:
        waiting = [synset] if index else []
        # A synset may have two parents that meet again higher up; a set does not mind.
        while waiting:
            here = waiting.pop()
            below[here].add(int(index))
            waiting.extend(parents[here])
    return ClassTree(
        names={synset: names.split(",")[0] for _, synset, names, _ in rows},
        classes={synset: tuple(sorted(indices)) for synset, indices in below.items()},
        lemmas={synset: tuple(names.split(", ")) for _, synset, names, _ in rows},
        synsets=tuple(synset for index, synset, _, _ in rows if index),
    )


def class_lemmas(synset: str) -> tuple[str, ...]:
    """Return all names of a synset and of the ImageNet classes below it; none if it has none."""
    tree = load_class_tree()
    below = (tree.synsets[index] for index in tree.classes.get(synset, ()))
    names = (name for one in (synset, *below) for name in tree.lemmas.get(one, ()))
    return tuple(dict.fromkeys(names))


def class_weights(vocabulary: Vocabulary) -> Float[np.ndarray, "classes effects"]:
    """Return the weight of each ImageNet class for each effect, from 0 to 1.

    The rules of an effect apply in order: each sets the weight of all classes at or below its
    synset, or excludes them; a later rule overrides an earlier one.

    Raises:
        VocabularyError: A rule's synset is no ImageNet class and has none below it.
    """
    tree = load_class_tree()
    weights = np.zeros((CLASSES, len(vocabulary)), np.float64)
    for column, effect in enumerate(vocabulary.effects):
        for rule in effect.imagenet:
            if rule.synset not in tree.classes:
                raise VocabularyError(
                    f"{vocabulary.name}, effect {effect.name}: {rule.synset} is no ImageNet class "
                    "and has none below it; take a synset from imagenet_classes.tsv"
                )
            weights[list(tree.classes[rule.synset]), column] = 0.0 if rule.exclude else rule.weight
    return weights


def describe_rules(effect: Effect) -> str:
    """Describe the ImageNet classes of an effect in one line."""
    tree = load_class_tree()
    parts: list[str] = []
    for rule in effect.imagenet:
        count = len(tree.classes[rule.synset])
        name = tree.names[rule.synset]
        text = f"{name} ({count} classes)" if count > 1 else name
        parts.append(f"not {text}" if rule.exclude else text)
    return ", ".join(parts)
